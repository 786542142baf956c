"""A recurring series: first every profile, then those that changed; and exports of once."""

from __future__ import annotations

import pytest

from evexport_dagster.errors import RefusedError, SourceError
from evexport_dagster_tests.handmade import DAY, Handmade, at, json_rows, one_time, recurring
from evexport_dagster_tests.profiles.people import consumed, people, profile, spec

EARLIER = one_time("2026-06-10", "2026-06-13")


@pytest.fixture
def series(home: Handmade) -> Handmade:
    """A series whose first window is delivered: two profiles, one of which changed later."""
    people(home, [profile("a", at(-3), n=1), profile("b", at(1, 2), n=1)])
    spec(home, tombstones=True)
    home.now = at(1, 1)
    home.run("people")
    return home


def records(home: Handmade) -> dict[str, dict[str, object]]:
    """The records of the newest file, by profile."""
    newest = max(home.tree(), key=lambda key: key.rsplit("-", 3)[1])
    return {it["identity"]["clevertapId"]: it for it in json_rows(home.tree()[newest])}


def test_the_first_files_have_every_profile_whenever_it_changed(series: Handmade) -> None:
    assert consumed(series) == {"a": {"n": 1}, "b": {"n": 1}}
    (receipt,) = series.receipts("people")
    assert (receipt.rows, receipt.source_rows, receipt.window_start) == (2, 2, at(0))
    assert receipt.first_event_time is None


def test_then_only_what_changed_is_exported(series: Handmade) -> None:
    people(series, [profile("a", at(-3), n=1), profile("b", at(1, 2), n=2)])
    series.now = at(2, 1)
    (receipt,) = series.run("people")
    assert receipt.rows == 1
    assert records(series).keys() == {"b"}


def test_what_changes_after_a_window_belongs_to_the_next_one(series: Handmade) -> None:
    people(series, [profile("a", at(2), n=2), profile("b", at(1, 2), n=1)])
    series.now = at(2, 1)
    series.run("people")
    assert records(series).keys() == {"b"}
    series.now = at(3, 1)
    series.run("people")
    assert records(series).keys() == {"a"}


def test_a_change_that_came_late_is_in_the_next_window(series: Handmade) -> None:
    people(series, [profile("a", at(-2), n=2), profile("b", at(1, 2), n=1)])
    series.now = at(2, 1)
    series.run("people")
    assert records(series)["a"]["profileProps"] == {"n": 2}


def test_a_window_without_a_change_has_no_file(series: Handmade) -> None:
    series.now = at(3, 1)
    first, second = series.run("people")
    assert (first.rows, second.rows) == (1, 0)
    assert second.files == ()


def test_what_vanished_is_listed_once_and_may_come_back(series: Handmade) -> None:
    people(series, [profile("b", at(1, 2), n=1)])
    series.now = at(2, 1)
    (receipt,) = series.run("people")
    assert records(series)["a"] == {
        "deleted": True,
        "identity": {"clevertapId": "a"},
        "profile": {},
        "profileProps": {},
    }
    assert records(series)["b"]["deleted"] is False
    assert receipt.oddities == {"profiles_vanished": 1}
    people(series, [profile("a", at(-3), n=1), profile("b", at(1, 2), n=1)])
    series.now = at(3, 1)
    series.run("people")
    assert records(series).keys() == {"a"}
    assert consumed(series) == {"a": {"n": 1}, "b": {"n": 1}}


def test_without_tombstones_nothing_says_what_vanished(home: Handmade) -> None:
    people(home, [profile("a", at(-3)), profile("b", at(-3))])
    spec(home)
    home.now = at(1, 1)
    home.run("people")
    people(home, [profile("b", at(-3))])
    home.now = at(2, 1)
    (receipt,) = home.run("people")
    assert receipt.rows == 0
    assert not any("deleted" in it for it in records(home).values())


def test_a_window_is_the_same_when_it_is_delivered_again(series: Handmade) -> None:
    people(series, [profile("b", at(1, 2), n=2), profile("c", at(1, 3), n=2)])
    series.now = at(3, 1)
    series.run("people")
    before = {key: json_rows(data) for key, data in series.tree().items()}
    series.run("people", from_=at(1), to=at(2))
    after = {key: json_rows(data) for key, data in series.tree().items()}
    assert after.keys() == before.keys()
    for key, rows in after.items():
        assert sorted(map(str, rows)) == sorted(map(str, before[key]))


def test_of_several_rows_the_newest_counts_and_they_are_counted(home: Handmade) -> None:
    people(home, [profile("a", at(-2), n=2), profile("a", at(-1), n=3), profile("a", None, n=1)])
    spec(home)
    home.now = at(1, 1)
    (receipt,) = home.run("people")
    assert consumed(home) == {"a": {"n": 3}}
    assert receipt.oddities == {"duplicate_profile_rows_in_source": 2}


def test_a_row_without_an_id_is_no_profile(home: Handmade) -> None:
    people(home, [profile("a", at(-2)), profile(None, at(-1))])
    spec(home)
    home.now = at(1, 1)
    (receipt,) = home.run("people")
    assert (receipt.rows, receipt.oddities) == (1, {"rows_without_profile_id_in_source": 1})


def test_an_edit_exports_every_profile_again(series: Handmade) -> None:
    spec(series, tombstones=True, user_properties=["Email", "Name"])
    with series.open() as project:
        project.edit("people")
    series.now = at(2, 1)
    (receipt,) = series.run("people")
    assert (receipt.revision, receipt.rows) == (2, 2)


def test_a_predicate_sees_the_newest_row_and_what_leaves_it_has_vanished(home: Handmade) -> None:
    spec(home, tombstones=True, where="(properties->>'age')::INT >= 18")
    people(home, [profile("a", at(-3), age=20), profile("b", at(-3), age=17), profile("b", at(-4))])
    home.now = at(1, 1)
    home.run("people")
    assert records(home).keys() == {"a"}
    people(home, [profile("a", at(1), age=3), profile("b", at(-3), age=18)])
    home.now = at(2, 1)
    home.run("people")
    assert {name: it["deleted"] for name, it in records(home).items()} == {"a": True, "b": False}


def test_what_is_known_is_put_together(series: Handmade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evexport_dagster.exports.rows.MOST_FILES", 2)
    for day in range(2, 6):
        people(series, [profile("a", at(-3), n=1), profile("b", at(day - 1, 2), n=day)])
        series.now = at(day, 1)
        (receipt,) = series.run("people")
        assert receipt.rows == 1
    assert consumed(series) == {"a": {"n": 1}, "b": {"n": 5}}


# Once


def test_an_export_of_once_has_every_profile_in_one_window(home: Handmade) -> None:
    people(home, [profile("a", at(-30)), profile("b", at(9)), profile("c", None)], "updated_at")
    spec(home, schedule=EARLIER)
    (receipt,) = home.run("people")
    assert consumed(home).keys() == {"a", "b", "c"}
    assert (receipt.window_start, receipt.window_end) == (at(-1), DAY)
    with home.open() as project:
        assert project.show("people").row.status == "Done"


def test_no_export_of_once_runs_beside_a_recurring_one(series: Handmade) -> None:
    spec(series, "once", schedule=EARLIER)
    with series.open() as project:
        with pytest.raises(RefusedError, match="evexport stop people"):
            project.create("once")
        assert project.registered("once") is None
        assert not next(it for it in project.check("once") if it.subject == "spec").ok
        project.stop("people")
        assert [it.rows for it in project.run("once").receipts] == [2]


def test_an_export_of_once_that_waits_is_refused_when_it_runs(home: Handmade) -> None:
    people(home, [profile("a", at(-3))])
    spec(home, "once", schedule=EARLIER)
    spec(home)
    with home.open() as project:
        project.create("once")
        project.create("people")
        with pytest.raises(RefusedError, match="stop that first"):
            project.run("once")
        assert project.show("once").row.last_failure is not None


def test_a_recurring_export_needs_to_know_what_changed(home: Handmade) -> None:
    people(home, [profile("a", None)], "updated_at")
    spec(home)
    with home.open() as project:
        with pytest.raises(SourceError, match=r"profiles\.columns\.updated_at"):
            project.create("people")
        assert project.registered("people") is None
        assert not next(it for it in project.check("people") if it.subject == "source").ok


def test_names_and_folders(home: Handmade) -> None:
    people(home, [profile("a", at(-3))])
    spec(home, "root", format="csv")
    spec(home, "typed", folder="data_type", format="parquet")
    spec(home, "four", schedule=recurring("4h"), file_name={"template": "all-{{date}}"})
    home.now = at(1, 1)
    ids = {name: home.run(name)[0].export_id for name in ("root", "typed", "four")}
    end = int(at(1).timestamp())
    assert sorted(home.tree()) == sorted(
        [
            f"42-{ids['root']}-{end}-0-0.csv.gz",
            f"profile/42-{ids['typed']}-{end}-0-0.parquet",
            f"all-2026-06-14-{int(at(0, 4).timestamp())}-0-0.json.gz",
        ]
    )
