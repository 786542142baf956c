"""Which windows a run takes: what is missing, or what a range touches."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from evexport_dagster.errors import RefusedError
from evexport_dagster_tests.handmade import Handmade, at, event, one_time, recurring

MINUTE = dt.timedelta(minutes=1)


def hours(home: Handmade) -> list[float]:
    """The lengths of the windows that are missing."""
    windows = [task.window for task in home.open().missing("purchases")]
    return [(window.end - window.start) / dt.timedelta(hours=1) for window in windows]


@pytest.mark.parametrize(
    ("zone", "day", "every", "lengths"),
    [
        ("America/New_York", "2026-03-08", "24h", [23, 24]),
        ("America/New_York", "2026-03-08", "4h", [3, *[4] * 11]),
        ("America/New_York", "2025-11-02", "24h", [25, 24]),
        ("America/New_York", "2025-11-02", "12h", [13, 12, 12, 12]),
        ("Australia/Lord_Howe", "2025-10-05", "8h", [7.5, *[8] * 5]),
        ("Australia/Lord_Howe", "2026-04-05", "24h", [24.5, 24]),
        ("America/Havana", "2026-03-08", "24h", [23, 24]),
        ("America/Havana", "2025-11-02", "8h", [9, *[8] * 5]),
    ],
)
def test_days_with_a_clock_change(
    home: Handmade, zone: str, day: str, every: str, lengths: list[float]
) -> None:
    midnight = dt.datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    home.zone = zone
    home.now = midnight.astimezone(dt.UTC) + dt.timedelta(hours=sum(lengths), minutes=5)
    home.configure()
    home.spec(schedule=recurring(every, day))
    assert hours(home) == lengths
    home.now -= MINUTE
    assert hours(home) == lengths[:-1]


def test_a_window_is_due_when_it_has_ended_and_settled(home: Handmade) -> None:
    home.configure(settle="90m")
    home.now = at(1) + dt.timedelta(minutes=89, seconds=59)
    project = home.open()
    assert project.missing("purchases") == ()
    with pytest.raises(RefusedError, match="no window to deliver"):
        project.run("purchases", from_=at(0))
    with pytest.raises(RefusedError, match="has not ended and settled"):
        project.run("purchases", from_=at(0), to=at(1))
    home.now += dt.timedelta(seconds=1)
    assert [task.window.start for task in project.missing("purchases")] == [at(0)]


def test_a_range_takes_whole_windows_that_have_ended(home: Handmade) -> None:
    project = home.open()

    def starts(from_: dt.datetime | None, to: dt.datetime | None) -> list[dt.datetime]:
        return [task.window.start for task in project.touched("purchases", from_, to)]

    assert starts(at(0, 23), at(1, 1)) == [at(0), at(1)]
    assert starts(at(1), at(2)) == [at(1)]
    assert starts(at(-9), at(0, 1)) == [at(0)]
    assert starts(None, at(0, 1)) == [at(0)]
    assert starts(at(1, 5), None) == [at(1), at(2)]
    for range_ in ((at(-9), at(0)), (at(2), at(1)), (at(1), at(1))):
        with pytest.raises(RefusedError, match="no window to deliver"):
            starts(*range_)
    with pytest.raises(RefusedError, match="has not ended and settled"):
        starts(at(2), at(3) + MINUTE)


def test_a_plain_run_takes_what_is_missing_and_a_range_delivers_again(home: Handmade) -> None:
    home.now = at(1, 1)
    assert [(it.window_start, it.event) for it in home.run(events=["Charged"])] == [
        (at(0), "Charged")
    ]
    home.now = at(2, 1)
    assert {(it.window_start, it.event) for it in home.run()} == {
        (at(0), "App Launched"),
        (at(1), "App Launched"),
        (at(1), "Charged"),
    }
    assert home.run() == ()
    first = home.receipts()
    again = home.run(from_=at(1), events=["Charged"])
    assert [(it.window_start, it.event) for it in again] == [(at(1), "Charged")]
    assert [it.files for it in home.receipts()] == [it.files for it in first]


def test_an_event_that_the_export_does_not_have(home: Handmade) -> None:
    with pytest.raises(RefusedError, match=r"no event 'Viewed'; it has 'Charged', 'App Launched'"):
        home.run(events=["Viewed"])


def test_names_that_come_later_join_an_export_of_all_events(home: Handmade) -> None:
    home.now = at(1, 1)
    home.spec(events={"select": "all"})
    home.run()
    home.events([event("Late", at(1, 3), n="late"), event("App Closed", at(1, 4), n="c")], "later")
    home.now = at(2, 1)
    delivered = home.run()
    assert [(it.window_start, it.event, it.rows) for it in delivered] == [
        (at(1), "App Launched", 2),
        (at(1), "Charged", 2),
        (at(1), "Late", 1),
        (at(1), "App Closed", 1),
    ]
    assert home.run() == ()


def test_windows_are_delivered_in_order(home: Handmade) -> None:
    seen: list[dt.datetime] = []
    home.run(on_progress=lambda it: seen.append(it.window.start))
    assert list(dict.fromkeys(seen)) == [at(0), at(1), at(2)]


def test_no_rows_are_recorded_without_a_file(home: Handmade) -> None:
    home.spec(events={"select": ["Charged", "Never Seen"]}, schedule=recurring(start="2026-06-16"))
    receipts = {it.event: it for it in home.run()}
    assert (receipts["Never Seen"].rows, receipts["Never Seen"].files) == (0, ())
    assert len(home.tree()) == 1
    assert home.run() == ()


def test_a_one_time_export_is_done_when_nothing_is_missing(home: Handmade) -> None:
    home.spec(schedule=one_time("2026-06-15", "2026-06-16"))
    project = home.open()
    assert project.run("purchases", to=at(2)).status == "Pending"
    assert project.run("purchases").status == "Done"
    assert project.list()[0].status == "Done"
    assert len(home.receipts()) == 4
    again = project.run("purchases", from_=at(2), events=["Charged"])
    assert (len(again.receipts), again.status) == (1, "Done")


def test_a_recurring_export_is_never_done(home: Handmade) -> None:
    home.spec(schedule=recurring(start="2026-06-16"))
    assert home.open().run("purchases").status == "Pending"
