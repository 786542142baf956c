"""check, list and show: what a person sees of a project."""

from __future__ import annotations

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.windows import Window
from evexport_dagster_tests.handmade import Handmade, at, event, one_time, recurring, tree


def results(home: Handmade, name: str | None = None) -> dict[tuple[str, str], str | None]:
    """(export, subject) -> the kind of error; None where it is well."""
    return {(it.name, it.subject): it.kind for it in home.open().check(name)}


def test_a_check_creates_nothing_but_the_folder_it_probes(home: Handmade) -> None:
    before = tree(home.folder)
    assert results(home, "purchases") == {
        ("purchases", subject): None for subject in ("spec", "source", "destination")
    }
    assert tree(home.folder) == before
    assert home.open().registered("purchases") is None


def test_a_check_tells_what_the_source_lacks(home: Handmade) -> None:
    home.events([event(None, at(0))], "odd")
    home.spec(events={"select": ["Charged", "Never Seen"]})
    said = {it.subject: it.message for it in home.open().check("purchases")}
    assert "none of 'Never Seen' yet" in said["source"]
    assert "1 rows without a name or a time" in said["source"]
    assert "without arrived_at late events are not noticed" in said["source"]


def test_a_check_finds_every_kind_of_fault(home: Handmade) -> None:
    home.out.write_text("a file where a folder should be")
    home.spec("broken", format="excel")
    home.spec("too_old", schedule=one_time("2020-01-01", "2020-01-02"))
    found = results(home)
    assert found["purchases", "destination"] == "access"
    assert found["purchases", "source"] is None
    assert found["broken", "spec"] == "spec"
    assert found["too_old", "spec"] == "spec"
    assert home.open().jobs()


def test_a_wrong_spec_keeps_no_other_export_from_running(home: Handmade) -> None:
    home.spec(schedule=recurring(start="2026-06-16"))
    home.spec("broken", format="excel")
    project = home.open()
    assert len(project.run("purchases").receipts) == 2
    with pytest.raises(SpecError, match="excel"):
        project.run("broken")
    with pytest.raises(SpecError, match="there is no export 'nothing'; there is purchases"):
        project.run("nothing")


def test_the_table_of_exports(home: Handmade) -> None:
    home.spec("once", format="json", schedule=one_time("2026-06-16", "2026-06-16"))
    home.spec(schedule=recurring("12h", "2026-06-16"))
    project = home.open()
    project.run("once")
    project.create("purchases")
    rows = {row.name: row for row in project.list()}
    assert (rows["once"].status, rows["once"].frequency) == ("Done", "once")
    assert rows["once"].last_delivered == Window(at(2), at(3))
    assert (rows["purchases"].status, rows["purchases"].frequency) == ("Pending", "12h")
    assert rows["purchases"].last_delivered is None
    assert {row.partner for row in rows.values()} == {"local"}
    assert [row.format for row in rows.values()] == ["json", "csv"]


def test_one_export_with_its_history(home: Handmade) -> None:
    receipts = home.run()
    shown = home.open().show("purchases")
    assert {it.files for it in shown.receipts} == {it.files for it in receipts}
    assert [it.window_start for it in shown.receipts[::2]] == [at(2), at(1), at(0)]
    assert [it.name for it in shown.events] == ["Charged", "App Launched"]
    assert [it.number for it in shown.revisions] == [1]
    assert shown.row.last_failure is None
    for receipt in receipts:
        assert receipt.source_rows == receipt.rows == 2
        assert receipt.recorded_at == home.now
        assert receipt.first_event_time is not None
        assert receipt.last_event_time is not None
        assert receipt.window_start <= receipt.first_event_time
        assert receipt.last_event_time < receipt.window_end
