"""Late events: noticed, delivered again under the same names, or only told of."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from evexport_dagster.exports import LATE_ROWS
from evexport_dagster.ledger import Late
from evexport_dagster_tests.exports.planned import due
from evexport_dagster_tests.handmade import (
    Document,
    Handmade,
    arrived,
    at,
    event,
    one_time,
    three_days,
    visible,
)

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def came(name: str, time: dt.datetime, after: dt.timedelta = MINUTE, **props: object) -> Document:
    """An event that arrived so long after its time."""
    return arrived(event(name, time, 0, **props), time + after)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    """A project whose source says when rows arrived, and three windows that are delivered."""
    home = three_days(tmp_path_factory.mktemp("late") / "project")
    home.events(
        came(name, at(day, hour), n=f"{name} {day} {hour}")
        for day in range(3)
        for hour in (1, 23)
        for name in ("Charged", "App Launched")
    )
    home.run()
    return home


@pytest.fixture
def watched(delivered: Handmade, tmp_path: Path) -> Iterator[Handmade]:
    """A copy of it."""
    with delivered.copied(tmp_path / "project") as copy:
        yield copy


def late(home: Handmade) -> tuple[Late, ...]:
    """What is noticed and in no receipt."""
    return home.open().show("purchases").late


def reasons(home: Handmade) -> dict[tuple[dt.datetime, str], object]:
    """The deliveries that were repeated because of late rows, and how many these were."""
    return {
        (it.window_start, it.event): it.oddities[LATE_ROWS]
        for it in home.receipts()
        if LATE_ROWS in it.oddities
    }


def test_a_plain_run_delivers_windows_with_late_rows_again_under_the_same_names(
    watched: Handmade,
) -> None:
    before = watched.tree()
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    receipts = watched.run()
    assert [(it.window_start, it.event, it.rows) for it in receipts] == [(at(1), "Charged", 3)]
    after = watched.tree()
    assert after.keys() == before.keys()
    assert len([key for key in before if before[key] != after[key]]) == 1
    assert watched.values()["late"] == 1
    assert set(watched.values().values()) == {1}
    assert reasons(watched) == {(at(1), "Charged"): 1}
    assert late(watched) == ()
    assert watched.run() == ()


def test_the_planner_delivers_them_and_then_rests(watched: Handmade) -> None:
    project = watched.open()
    assert due(project) == []
    watched.events(
        [came("Charged", at(1, 5), 2 * DAY, n="a"), came("App Launched", at(0, 5), 3 * DAY, n="b")],
        "later",
    )
    assert due(project) == []
    project.unattended.look_for_late("purchases")
    assert [(it.window_start, it.event, it.rows) for it in late(watched)] == [
        (at(0), "App Launched", 1),
        (at(1), "Charged", 1),
    ]
    assert due(project) == [at(0), at(1)]
    project.unattended.look_for_late("purchases")
    assert due(project) == []
    assert watched.values() & Counter("ab") == Counter("ab")


def test_rows_that_say_they_arrived_long_ago_are_noticed_by_their_number(
    watched: Handmade,
) -> None:
    watched.events([came("Charged", at(1, 5), n="hidden")], "later")
    assert [it.window_start for it in watched.run()] == [at(1)]
    assert watched.values()["hidden"] == 1


def test_a_row_that_took_the_place_of_another_is_noticed_by_its_arrival(watched: Handmade) -> None:
    watched.events(
        came(name, at(day, hour), 30 * HOUR if (day, name) == (2, "Charged") else MINUTE, n="new")
        for day in range(3)
        for hour in (1, 23)
        for name in ("Charged", "App Launched")
    )
    assert [(it.window_start, it.event) for it in watched.run()] == [(at(2), "Charged")]


def test_a_lake_that_forgets_old_rows_empties_nothing(watched: Handmade) -> None:
    before = watched.tree()
    watched.events([came("Charged", at(2, 5), 3 * DAY, n="only")])
    assert watched.run() == ()
    assert watched.tree() == before


@pytest.mark.parametrize(("days", "again"), [(1, [at(2)]), (2, [at(1), at(2)])])
def test_windows_before_the_look_back_are_left_alone(
    watched: Handmade, days: int, again: list[dt.datetime]
) -> None:
    watched.spec("other", file_name={"template": "other"}, late_events={"look_back": f"{days}d"})
    watched.run("other")
    watched.events([came("Charged", at(day, 5), 4 * DAY, n=day) for day in range(3)], "later")
    assert [it.window_start for it in watched.run("other")] == again


def test_report_counts_them_and_delivers_nothing(watched: Handmade) -> None:
    watched.spec("other", file_name={"template": "other"}, late_events={"policy": "report"})
    watched.run("other")
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    project = watched.open()
    assert project.run("other").receipts == ()
    (noticed,) = project.show("other").late
    assert (noticed.window_start, noticed.event, noticed.rows) == (at(1), "Charged", 1)
    assert not noticed.reopens
    assert due(project, "other") == []
    project.run("other", from_=at(1), to=at(2))
    assert project.show("other").late == ()


def test_ignore_looks_for_nothing(watched: Handmade) -> None:
    watched.spec("other", file_name={"template": "other"}, late_events={"policy": "ignore"})
    watched.run("other")
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    project = watched.open()
    assert project.run("other").receipts == ()
    assert project.show("other").late == ()


def test_without_arrived_at_it_says_so_and_does_nothing(home: Handmade) -> None:
    home.run()
    home.events([event("Charged", at(1, 5), n="late")], "later")
    project = home.open()
    assert "no arrived_at" in project.look_for_late("purchases").note
    assert project.run("purchases").receipts == ()


def test_a_predicate_holds_for_late_rows_too(watched: Handmade) -> None:
    watched.spec("other", file_name={"template": "other"}, where="event_props->>'n' <> 'no'")
    watched.run("other")
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="no")], "later")
    assert watched.run("other") == ()
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="yes")], "later")
    assert [it.window_start for it in watched.run("other")] == [at(1)]


def test_late_rows_may_bring_a_property(watched: Handmade) -> None:
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late", colour="red")], "later")
    watched.run()
    colours = [row.get("colour") for rows in watched.delivered().values() for row in rows]
    assert colours.count("red") == 1


@pytest.mark.parametrize("unattended", [True, False])
def test_an_event_that_comes_late_for_the_first_time_belongs_to_its_window(
    watched: Handmade, unattended: bool
) -> None:
    watched.spec("other", folder={"template": "all/{{event-name}}"}, events={"select": "all"})
    watched.run("other")
    watched.events([came("Viewed", at(1, 5), 2 * DAY, n="late")], "later")
    project = watched.open()
    if unattended:
        project.unattended.look_for_late("other")
        assert due(project, "other") == [at(1), at(2)]
    else:
        project.run("other")
    viewed = {it.window_start: it.rows for it in watched.receipts("other") if it.event == "Viewed"}
    assert viewed == {at(1): 1, at(2): 0}
    assert due(project, "other") == []
    watched.events([came("Viewed", at(0, 5), 3 * DAY, n="later")], "last")
    project.unattended.look_for_late("other")
    assert due(project, "other") == [at(0)]
    assert watched.values() & Counter(["late", "later"]) == Counter(["late", "later"])


def test_an_export_that_is_done_stays_done_and_takes_what_came_late(watched: Handmade) -> None:
    watched.spec(
        "other", file_name={"template": "other"}, schedule=one_time("2026-06-15", "2026-06-16")
    )
    watched.run("other")
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    project = watched.open()
    project.unattended.look_for_late("other")
    assert due(project, "other") == [at(1)]
    (row,) = [it for it in project.list() if it.name == "other"]
    assert row.status == "Done"
    assert due(project, "other") == []


def test_a_stopped_export_looks_for_nothing(watched: Handmade) -> None:
    project = watched.open()
    project.stop("purchases")
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    assert project.look_for_late("purchases").found == ()


def test_what_is_due_again_survives_a_restart_and_is_noticed_once(watched: Handmade) -> None:
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    watched.open().look_for_late("purchases")
    assert watched.open().look_for_late("purchases").found == ()
    assert due(watched.open()) == [at(1)]


def test_the_next_look_begins_where_this_one_ended(watched: Handmade) -> None:
    project = watched.open()
    first = project.unattended.look_for_late("purchases")
    assert first.seen_to == at(2, 23) + MINUTE
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    watched.now = at(3, 6)
    second = project.unattended.look_for_late("purchases", first.seen_to)
    assert [it.window_start for it in second.found] == [at(1)]
    assert second.seen_to == at(3, 5)


def test_a_row_that_says_it_arrives_in_years_hides_nothing(watched: Handmade) -> None:
    project = watched.open()
    watched.events([came("Charged", at(1, 5), 3650 * DAY, n="bogus")], "bogus")
    first = project.unattended.look_for_late("purchases")
    watched.run()
    watched.events([came("Charged", at(0, 5), 3 * DAY, n="late")], "later")
    second = project.unattended.look_for_late("purchases", first.seen_to)
    assert [(it.window_start, it.event) for it in second.found] == [(at(0), "Charged")]


def test_receipts_tell_how_late_rows_were(watched: Handmade) -> None:
    watched.events([came("Charged", at(1, 5), 2 * DAY, n="late")], "later")
    watched.run()
    (receipt,) = [it for it in watched.receipts() if LATE_ROWS in it.oddities]
    assert receipt.oddities["lateness"] == {"up to 1 minute": 2, "up to 3 days": 1}
    assert all(visible(key) for key in watched.tree())
