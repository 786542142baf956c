"""An export does not change silently."""

from __future__ import annotations

import gzip

import pytest

from evexport_dagster.errors import ExportError, RefusedError, RevisionError
from evexport_dagster.ledger.deliveries import Deliveries
from evexport_dagster_tests.handmade import (
    Document,
    Handmade,
    at,
    event,
    one_time,
    recurring,
)

LAST_DAY = recurring(start="2026-06-16")


def test_a_changed_spec_is_refused_with_the_difference(home: Handmade) -> None:
    home.spec(schedule=LAST_DAY)
    registered = home.open().create("purchases")[0]
    home.spec(schedule=LAST_DAY, format="json", user_properties=["Email"])
    project = home.open()
    for verb in (project.run, project.create, project.missing, project.ensure_current):
        with pytest.raises(RevisionError) as caught:
            verb("purchases")
    assert caught.value.kind == "spec"
    assert caught.value.exit_code == 2
    lines = str(caught.value).splitlines()
    assert "evexport edit purchases" in lines[0]
    assert lines[1:] == ["  format: 'csv' -> 'json'", "  user_properties: not set -> ['Email']"]
    assert project.registered("purchases") == registered
    assert home.tree() == {}


def test_what_means_the_same_is_no_change(home: Handmade) -> None:
    home.spec(schedule=LAST_DAY)
    home.open().create("purchases")
    home.spec(schedule=LAST_DAY, description="Said better", owners=["a@example.com"], sort=False)
    home.configure(threads=1, max_rows_per_file=7)
    assert home.open().run("purchases").revision == 1
    with pytest.raises(RefusedError, match="nothing to edit"):
        home.open().edit("purchases")


def test_an_account_or_a_mapping_that_changed_is_a_change(home: Handmade) -> None:
    home.open().create("purchases")
    home.zone = "Asia/Tokyo"
    home.configure()
    with pytest.raises(RevisionError, match=r"account\.timezone: 'UTC' -> 'Asia/Tokyo'"):
        home.open().ensure_current("purchases")


def test_an_edit_is_the_next_revision_and_the_next_run_uses_it(home: Handmade) -> None:
    home.spec(schedule=LAST_DAY)
    before = home.run()
    home.spec(schedule=LAST_DAY, timestamp="datetime")
    edited = home.open().edit("purchases")
    assert edited.difference == ("timestamp: not set -> 'datetime'",)
    assert edited.export.revision.number == 2
    result = home.open().run("purchases")
    assert (result.receipts, result.revision) == ((), 2)
    again = home.run(from_=before[0].window_start)
    assert [it.revision for it in again] == [2, 2]
    assert [file.key for it in again for file in it.files] == [
        file.key for it in before for file in it.files
    ]
    assert {row["eventTime"][:10] for rows in home.delivered().values() for row in rows} == {
        "2026-06-16"
    }
    assert [it.number for it in home.open().show("purchases").revisions] == [1, 2]


def test_another_format_leaves_nothing_of_the_former_one(home: Handmade) -> None:
    home.spec(folder={"template": "{{event-name}}/{{format}}"}, schedule=LAST_DAY)
    before = home.run()
    (home.out / "Charged" / "README").write_text("not ours")
    home.spec(folder={"template": "{{event-name}}/{{format}}"}, schedule=LAST_DAY, format="json")
    home.open().edit("purchases")
    after = home.run(from_=before[0].window_start)
    keys = {file.key for it in after for file in it.files}
    assert home.tree().keys() == {*keys, "Charged/README"}
    assert all("/json/" in key and key.endswith(".json.gz") for key in keys)
    assert not (home.out / "Charged" / "csv").exists()


class Killed(BaseException):
    """The end of a process."""


def test_an_edit_after_a_run_was_killed_leaves_nothing_of_it(
    home: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.events([event(name, at(0, 5), n=name) for name in ("Charged", "App Launched")])
    home.open().create("purchases")
    foreign = home.out / "Charged" / "of somebody else.csv.gz"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(gzip.compress(b"n\nx\n"))

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Deliveries, "record", kill)
        with pytest.raises(Killed):
            home.run()
    assert len(home.values()) > 1
    home.spec(folder="run_date", format="csv")
    with home.open() as project:
        project.edit("purchases")
    home.run()
    assert home.values() == {"Charged": 1, "App Launched": 1, "x": 1}
    assert home.run() == ()


def test_an_edit_may_add_an_event(home: Handmade) -> None:
    home.spec(events={"select": ["Charged"]}, schedule=LAST_DAY)
    assert [it.event for it in home.run()] == ["Charged"]
    home.spec(schedule=LAST_DAY)
    home.open().edit("purchases")
    assert [it.event for it in home.run()] == ["App Launched"]


def test_an_edit_is_not_held_up_by_the_history_of_the_export(home: Handmade) -> None:
    shared: Document = {
        "folder": {"template": "mine/{{event-name}}"},
        "file_name": {"template": "{{date}}"},
        "schedule": recurring(first="2026-06-13", last="2026-06-13"),
    }
    home.spec(**shared)
    home.open().create("purchases")
    home.spec(**shared, timestamp="datetime")
    assert home.open().edit("purchases").export.revision.number == 2


def test_an_edit_into_the_files_of_another_export_is_refused(home: Handmade) -> None:
    shared: Document = {"folder": {"template": "all"}, "file_name": {"template": "{{date}}"}}
    home.spec("mine", **shared)
    home.spec("yours")
    project = home.open()
    project.create("mine")
    project.create("yours")
    home.spec("yours", **shared)
    with pytest.raises(ExportError, match="could write the same files as 'mine'") as caught:
        home.open().edit("yours")
    assert caught.value.kind == "spec"
    assert [it.number for it in home.open().show("yours").revisions] == [1]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"schedule": recurring("12h")}, "schedule"),
        ({"schedule": recurring(start="2026-06-15")}, "schedule"),
        ({"schedule": one_time("2026-06-14", "2026-06-15")}, "schedule"),
    ],
)
def test_what_is_never_edited(home: Handmade, change: Document, what: str) -> None:
    home.open().create("purchases")
    home.spec(**change)
    with pytest.raises((RevisionError, RefusedError), match=f"{what}|one-time"):
        home.open().edit("purchases")


def test_the_time_zone_is_never_edited(home: Handmade) -> None:
    home.open().create("purchases")
    home.zone = "Asia/Tokyo"
    home.configure()
    with pytest.raises(RevisionError, match="the time zone of an export never changes"):
        home.open().edit("purchases")


def test_only_an_active_recurring_export_is_edited(home: Handmade) -> None:
    with pytest.raises(RefusedError, match="not registered"):
        home.open().edit("purchases")
    home.spec("stopped")
    home.spec("once", schedule=one_time("2026-06-15", "2026-06-15"))
    home.open().create("stopped")
    home.open().create("once")
    home.open().stop("stopped")
    home.spec("stopped", format="json")
    home.spec("once", schedule=one_time("2026-06-15", "2026-06-15"), format="json")
    for name, why in (("stopped", "stopped"), ("once", "one-time")):
        with pytest.raises(RefusedError, match=f"cannot be edited: it is {why}"):
            home.open().edit(name)
