"""Creation, and what stands against it."""

from __future__ import annotations

import datetime as dt

import pytest

from evexport_dagster.errors import RefusedError, SourceError, SpecError
from evexport_dagster_tests.handmade import (
    NOW,
    Document,
    Handmade,
    at,
    event,
    one_time,
    recurring,
    tree,
)

SHARED = {"template": "shared/{{event-name}}"}
SHARED_NAME = {"template": "{{date}}"}


def test_loading_a_spec_registers_nothing(home: Handmade) -> None:
    before = tree(home.folder)
    project = home.open()
    assert [row.status for row in project.list()] == [None]
    assert project.show("purchases").revisions == ()
    assert tree(home.folder) == before


def test_the_export_id_is_the_second_of_its_creation_or_the_next_free_one(home: Handmade) -> None:
    home.spec("visits")
    project = home.open()
    ids = [project.create(name)[0].export_id for name in ("purchases", "visits")]
    assert ids == [int(NOW.timestamp()), int(NOW.timestamp()) + 1]


def test_the_first_run_creates_and_creation_is_once(home: Handmade) -> None:
    home.spec(schedule=recurring(start="2026-06-16"))
    project = home.open()
    result = project.run("purchases")
    assert (result.export_id, result.revision) == (int(NOW.timestamp()), 1)
    home.now += dt.timedelta(days=1)
    assert project.create("purchases")[0].export_id == result.export_id


def test_a_history_is_created_together_with_its_export(home: Handmade) -> None:
    home.spec(schedule=recurring(first="2026-06-12", last="2026-06-13"))
    project = home.open()
    own, history = project.create("purchases")
    assert (own.name, own.kind) == ("purchases", "recurring")
    assert (history.name, history.kind) == ("purchases_history", "history")
    assert own.export_id != history.export_id


def test_a_history_that_is_written_later_is_created_by_the_next_create(home: Handmade) -> None:
    first = home.open().create("purchases")
    home.spec(schedule=recurring(first="2026-06-12", last="2026-06-13"))
    home.now += dt.timedelta(hours=1)
    assert home.open().create("purchases")[0] == first[0]
    assert home.open().registered("purchases_history") is not None


@pytest.mark.parametrize(
    ("zone", "every"),
    [("Pacific/Honolulu", "4h"), ("Australia/Lord_Howe", "8h"), ("America/Havana", "24h")],
)
def test_history_and_export_tile_time(home: Handmade, every: str, zone: str) -> None:
    home.zone, home.now = zone, dt.datetime(2026, 11, 4, 6, tzinfo=dt.UTC)
    home.configure()
    home.spec(schedule=recurring(every, "2026-11-01", first="2026-10-30", last="2026-10-31"))
    project = home.open()
    names = ("purchases_history", "purchases")
    windows = [task.window for name in names for task in project.missing(name)]
    assert windows[0].start == dt.datetime(2026, 10, 30, tzinfo=project.settings.account.zone)
    assert [window.end for window in windows[:-1]] == [window.start for window in windows[1:]]
    assert windows[-1].end > home.now - dt.timedelta(hours=int(every[:-1]) + 1)


def test_the_name_of_a_stopped_export_is_not_used_again(home: Handmade) -> None:
    project = home.open()
    project.create("purchases")
    project.stop("purchases")
    for verb in (project.create, project.run, project.missing):
        with pytest.raises(RefusedError, match="is stopped, for ever"):
            verb("purchases")
    assert project.list()[0].status == "Stopped"
    with pytest.raises(RefusedError, match="not registered"):
        project.stop("visits")


def test_a_stop_of_the_export_leaves_its_history(home: Handmade) -> None:
    home.spec(schedule=recurring(first="2026-06-13", last="2026-06-13"))
    project = home.open()
    project.create("purchases")
    project.stop("purchases")
    assert project.run("purchases_history").status == "Done"


@pytest.mark.parametrize(
    ("schedule", "where"),
    [
        (recurring(start="2025-06-16"), "schedule.recurring.start"),
        (one_time("2025-06-16", "2025-06-18"), "schedule.one_time.from"),
        (one_time("2026-06-16", "2026-06-17"), "schedule.one_time.to"),
        (recurring(first="2025-06-01", last="2025-06-30"), "schedule.recurring.history.from"),
    ],
)
def test_days_that_cannot_be_exported_today_are_refused(
    home: Handmade, schedule: Document, where: str
) -> None:
    home.spec(schedule=schedule)
    with pytest.raises(SpecError) as caught:
        home.open().create("purchases")
    assert [fault.where for fault in caught.value.faults] == [where]
    assert home.open().registered("purchases") is None


def test_the_first_day_that_can_be_exported(home: Handmade) -> None:
    home.spec(schedule=one_time("2025-06-17", "2026-06-16"))
    assert home.open().create("purchases")


@pytest.mark.parametrize(
    ("mine", "yours"),
    [
        ({"folder": SHARED, "file_name": SHARED_NAME}, {}),
        ({"folder": "root", "file_name": SHARED_NAME}, {"events": {"select": "all"}}),
        (
            {"folder": "root", "file_name": {"template": "{{event-name}}"}},
            {"events": {"select": ["CHARGED"]}},
        ),
    ],
)
def test_two_exports_that_could_meet_are_refused_at_creation(
    home: Handmade, mine: Document, yours: Document
) -> None:
    home.spec("mine", **mine)
    home.spec("yours", **{**mine, **yours})
    project = home.open()
    project.create("mine")
    with pytest.raises(SpecError, match="could write the same files as 'mine'"):
        project.create("yours")
    assert project.registered("yours") is None


@pytest.mark.parametrize(
    "yours",
    [
        {"file_name": {"template": "{{date}}-{{export-id}}"}},
        {"folder": {"template": "other/{{event-name}}"}},
        {"format": "json"},
        {"events": {"select": ["Viewed"]}},
        {"destination": "elsewhere"},
    ],
)
def test_exports_that_cannot_meet_are_created(home: Handmade, yours: Document) -> None:
    home.destinations["elsewhere"] = {"type": "local", "path": "elsewhere"}
    home.configure()
    shared = {"folder": SHARED, "file_name": SHARED_NAME}
    home.spec("mine", **shared)
    home.spec("yours", **{**shared, **yours})
    project = home.open()
    assert project.create("mine")
    assert project.create("yours")


def test_a_key_that_another_export_delivered_is_refused_at_delivery(home: Handmade) -> None:
    # A link gives one folder two names, which no comparison of specs can know.
    home.out.mkdir()
    (home.folder / "link").symlink_to(home.out)
    home.destinations["link"] = {"type": "local", "path": "link"}
    home.configure()
    shared = {"folder": SHARED, "file_name": SHARED_NAME, "schedule": recurring(start="2026-06-16")}
    home.spec("mine", **shared)
    home.spec("yours", **shared, destination="link")
    home.run("mine")
    before = home.tree()
    with pytest.raises(RefusedError, match="another export delivered it") as caught:
        home.run("yours")
    assert caught.value.kind == "spec"
    assert home.tree() == before
    failure = next(row for row in home.open().list() if row.name == "yours").last_failure
    assert failure is not None
    assert failure.kind == "spec"


def test_a_source_that_does_not_fit_is_refused_before_anything_is_registered(
    home: Handmade,
) -> None:
    home.spec(where="event_props->>'n' = nothing")
    with pytest.raises(SpecError, match="where"):
        home.open().create("purchases")
    home.spec()
    for file in (home.folder / "lake" / "events").iterdir():
        file.unlink()
    with pytest.raises(SourceError, match="no file matches"):
        home.open().create("purchases")
    assert home.open().registered("purchases") is None


def test_events_are_those_of_the_source_or_of_the_spec(home: Handmade) -> None:
    home.events([event("Rare", at(2, 5)), event("Too Early", at(-3))], "rare")
    home.spec("everything", events={"select": "all"})
    project = home.open()
    project.create("purchases")
    project.create("everything")
    assert [it.name for it in project.events("purchases")] == ["Charged", "App Launched"]
    assert [it.name for it in project.events("everything")] == ["App Launched", "Charged", "Rare"]
