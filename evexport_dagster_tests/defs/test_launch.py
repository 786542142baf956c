from __future__ import annotations

import datetime as dt
import hashlib
import re
import shutil
from pathlib import Path

import dagster as dg
import pytest

from evexport_dagster.defs.instance import open_instance
from evexport_dagster.defs.launch import run_tasks
from evexport_dagster.defs.partitions import event_key
from evexport_dagster.errors import AccessError, RefusedError, RevisionError, SpecError
from evexport_dagster.exports import Progress, Project, Task, load_project

from .conftest import DAY, ODD_NAMES
from .materialized import materializations, materialized_keys

EVENTS = ("App Launched", "Charged", "Product Viewed", "Added To Cart")


def first_window(project: Project, *events: str, again: bool = False) -> Task:
    task = project.missing("purchases")[0]
    return Task("purchases", task.window, events or task.events, again)


def test_a_task_is_a_run_that_dagster_shows(
    project: Project, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[Progress] = []
    capfd.readouterr()
    receipts = run_tasks(
        project, [first_window(project)], instance=instance, on_progress=seen.append
    )
    assert capfd.readouterr() == ("", "")
    assert [it.event for it in receipts] == list(EVENTS)
    assert sum(it.rows for it in receipts) > 0
    assert {it.stage for it in seen} >= {"reading", "writing", "done"}

    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert {it.run_id for it in receipts} == {run.run_id}
    assert materialized_keys(instance, "purchases") == {
        f"{event}|{DAY}-00:00": 1 for event in EVENTS
    }
    assert project.to_display("purchases") == ()


def test_each_key_has_metadata_of_its_own(
    project: Project, folder: Path, forgetting: dg.DagsterInstance
) -> None:
    receipts = run_tasks(project, [first_window(project)], instance=forgetting)
    assert any(it.rows for it in receipts)
    shown = {it.metadata["event"].value: it for it in materializations(forgetting, "purchases")}
    for receipt in receipts:
        metadata, tags = shown[receipt.event].metadata, shown[receipt.event].tags or {}
        assert metadata["dagster/row_count"].value == receipt.rows
        assert metadata["rows in source"].value == receipt.source_rows
        assert metadata["bytes"].value == sum(file.bytes for file in receipt.files)
        assert metadata["window"].value == "2026-06-14 00:00-10:00 up to 2026-06-14 08:00-10:00"
        assert tags["dagster/partition/event"] == event_key(receipt.event)
        assert (
            tags["dagster/code_version"] == project.ensure_current("purchases").revision.fingerprint
        )
        if not receipt.rows:
            assert "files" not in metadata
            continue
        table = metadata["files"]
        assert isinstance(table, dg.TableMetadataValue)
        for record, file in zip(table.records, receipt.files, strict=True):
            delivered = folder / "out" / str(record.data["key"])
            assert record.data["rows"] == file.rows
            assert hashlib.sha256(delivered.read_bytes()).hexdigest() == record.data["sha256"]
        uri = str(metadata["dagster/uri"].value)
        assert uri.startswith((folder / "out").as_uri() + "/")


@pytest.mark.parametrize(
    "events",
    [EVENTS[:1], EVENTS[2:], (EVENTS[3], EVENTS[0])],
    ids=["one", "neighbours", "apart"],
)
def test_any_events_of_a_window_can_be_delivered(
    project: Project, forgetting: dg.DagsterInstance, events: tuple[str, ...]
) -> None:
    receipts = run_tasks(project, [first_window(project, *events)], instance=forgetting)
    assert {it.event for it in receipts} == set(events)
    assert materialized_keys(forgetting, "purchases") == {
        f"{event}|{DAY}-00:00": 1 for event in events
    }


def test_what_is_delivered_is_delivered_again_only_when_asked(
    project: Project, instance: dg.DagsterInstance
) -> None:
    task = first_window(project, "Charged")
    (first,) = run_tasks(project, [task], instance=instance)
    (kept,) = run_tasks(project, [task], instance=instance)
    assert kept == first
    assert materialized_keys(instance, "purchases").total() == 1
    (anew,) = run_tasks(project, [first_window(project, "Charged", again=True)], instance=instance)
    assert anew.run_id != first.run_id
    assert anew.files == first.files
    assert materialized_keys(instance, "purchases").total() == 2


def test_odd_names_become_partitions_of_their_own(
    project: Project, forgetting: dg.DagsterInstance
) -> None:
    tasks = project.missing("everything")
    receipts = run_tasks(project, tasks, instance=forgetting)
    assert {*ODD_NAMES} <= {it.event for it in receipts}
    keys = {event_key(it.event) for it in receipts}
    assert set(forgetting.get_dynamic_partitions("exports/everything")) == keys
    assert materialized_keys(forgetting, "everything") == {f"{key}|{DAY}-00:00": 1 for key in keys}
    shown = {it.metadata["event"].value for it in materializations(forgetting, "everything")}
    assert shown == {it.event for it in receipts}


def test_a_failure_leaves_what_was_delivered(
    project: Project, folder: Path, instance: dg.DagsterInstance
) -> None:
    tasks = project.missing("purchases")[:2]
    blocked = folder / "out" / "Product-Viewed"
    blocked.parent.mkdir()
    blocked.write_text("a file where a folder should be")
    with pytest.raises(AccessError, match="Product-Viewed"):
        run_tasks(project, tasks, instance=instance)
    done = {f"{event}|{DAY}-00:00": 1 for event in EVENTS[:2]}
    assert materialized_keys(instance, "purchases") == done
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]

    blocked.unlink()
    run_tasks(project, project.missing("purchases")[:1], instance=instance)
    every = {f"{event}|{DAY}-00:00": 1 for event in EVENTS}
    assert materialized_keys(instance, "purchases") == every


def test_what_was_recorded_elsewhere_is_shown_with_the_next_run(
    project: Project, instance: dg.DagsterInstance
) -> None:
    one, two = project.missing("purchases")[:2]
    project.deliver(one, run_id="another place")
    run_tasks(project, [two], instance=instance)
    assert set(materialized_keys(instance, "purchases").values()) == {1}
    assert materialized_keys(instance, "purchases").total() == 8
    assert project.to_display("purchases") == ()


def test_an_instance_that_forgets_leaves_receipts_to_be_shown(
    project: Project, forgetting: dg.DagsterInstance
) -> None:
    receipts = run_tasks(project, [first_window(project, "Charged")], instance=forgetting)
    assert materialized_keys(forgetting, "purchases").total() == 1
    assert project.to_display("purchases") == receipts


def test_errors_are_those_of_the_verbs(
    project: Project, folder: Path, forgetting: dg.DagsterInstance
) -> None:
    task = first_window(project)
    file = folder / "exports" / "purchases.yaml"
    file.write_text(file.read_text().replace("format: csv", "format: json"))
    with load_project(folder) as changed, pytest.raises(RevisionError, match="evexport edit"):
        run_tasks(changed, [task], instance=forgetting)
    project.stop("purchases")
    with pytest.raises(RefusedError, match="stopped"):
        run_tasks(project, [task], instance=forgetting)


def test_a_source_that_vanishes_is_its_own_error(
    project: Project, folder: Path, forgetting: dg.DagsterInstance
) -> None:
    task = first_window(project)
    (folder / "lake").unlink()
    with pytest.raises(SpecError, match="lake") as failure:
        run_tasks(project, [task], instance=forgetting)
    assert failure.value.exit_code == 2
    assert failure.value.__cause__ is None or not isinstance(
        failure.value.__cause__, dg.DagsterError
    )


def test_the_history_is_an_export_of_its_own(
    project: Project, forgetting: dg.DagsterInstance
) -> None:
    task = project.missing("purchases_history")[0]
    receipts = run_tasks(project, [task], instance=forgetting)
    assert {it.event for it in receipts} == set(EVENTS)
    assert set(materialized_keys(forgetting, "purchases_history")) == {
        f"{event}|2026-06-12-00:00" for event in EVENTS
    }


def test_windows_beyond_the_horizon_are_delivered_too(
    folder: Path, forgetting: dg.DagsterInstance
) -> None:
    file = folder / "exports" / "purchases.yaml"
    names = ", ".join(f"Nothing {number}" for number in range(400))
    text = file.read_text().replace("Added To Cart]", f"Added To Cart, {names}]")
    file.write_text(re.sub(r"recurring: .*", "recurring: {every: 4h, start: 2026-01-01}}", text))
    with load_project(folder) as project:
        start = dt.datetime(2026, 6, 14, 10, tzinfo=dt.UTC)
        task = project.touched(
            "purchases", start, start + dt.timedelta(hours=1), ["App Launched", "Charged"]
        )[0]
        run_tasks(project, [task], instance=forgetting)
    assert set(materialized_keys(forgetting, "purchases")) == {
        "App Launched|2026-06-14-00:00",
        "Charged|2026-06-14-00:00",
    }


def test_the_instance_is_that_of_the_environment_else_of_the_project(
    project: Project, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with open_instance(project.settings) as opened:
        assert opened.is_ephemeral
    shutil.copytree(home, folder, dirs_exist_ok=True)
    with open_instance(project.settings) as opened:
        assert Path(opened.root_directory) == folder
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with open_instance(project.settings) as opened:
        assert Path(opened.root_directory) == home
