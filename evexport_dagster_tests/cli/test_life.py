"""A project's life through the command line, with real deliveries through Dagster."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from evexport_dagster.cli.commands import demo
from evexport_dagster.defs.metadata import asset_key
from evexport_dagster_tests.cli.conftest import DAYS, SPEC, TODAY, Ran, run_cli

EVENTS = ["Charged", "App Launched"]


@pytest.fixture
def spec(project: Path) -> Path:
    return project / "exports" / "purchases.yaml"


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def delivered_files(project: Path) -> dict[str, str]:
    return {
        path.relative_to(project / "out").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (project / "out").rglob("*")
        if path.is_file()
    }


def csv_rows(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def files_of_run(document: Any) -> dict[str, str]:
    return {
        file["key"]: file["sha256"]
        for delivery in document["deliveries"]
        for file in delivery["files"]
    }


def files_of(ran: Ran) -> dict[str, str]:
    return files_of_run(ran.document)


def windows_of(ran: Ran) -> set[str]:
    return {delivery["window"][0][:10] for delivery in ran.document["deliveries"]}


def test_a_small_life(project: Path, spec: Path) -> None:
    def ev(*args: object) -> Ran:
        return run_cli(*args, "--project", project, "--json")

    assert [check["ok"] for check in ev("check").document["checks"]] == [True, True, True]
    preview = ev("preview", "purchases").document
    assert preview["deliveries"][0]["provisional"] is True

    (created,) = ev("create", "purchases").document["created"]
    assert (created["export"], created["revision"], created["events"]) == ("purchases", 1, EVENTS)
    assert ev("create", "purchases").document["created"] == [created]

    run = ev("run", "purchases")
    assert (run.code, run.document["export_id"]) == (0, created["export_id"])
    assert set(run.document) == {"export", "export_id", "revision", "status", "deliveries"}
    assert windows_of(run) == {str(day) for day in DAYS}
    assert files_of(run) == delivered_files(project)
    assert ev("run", "purchases").document["deliveries"] == []
    with dg.DagsterInstance.from_config(str(project)) as instance:
        assert {it.status for it in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
        seen = instance.get_materialized_partitions(asset_key("purchases"))
    assert len(seen) == len(EVENTS) * len(DAYS)

    shown = ev("show", "purchases").document
    assert shown["export"]["status"] == "Pending"
    assert [event["event"] for event in shown["events"]] == EVENTS
    assert {f["key"] for it in shown["receipts"] for f in it["files"]} == set(files_of(run))

    (row,) = ev("list").document["exports"]
    assert row == shown["export"]
    assert row["last_delivered"][0].startswith(str(DAYS[1]))

    spec.write_text(SPEC.replace("[Email]", "[Email, Phone]"))
    refused = ev("run", "purchases")
    assert refused.code == 2
    assert "evexport edit purchases" in refused.err
    edited = ev("edit", "purchases").document
    assert edited["revision"] == 2
    assert any("user_properties" in line for line in edited["difference"])

    again = ev("run", "purchases", "--from", DAYS[1], "--event", "Charged")
    assert again.document["revision"] == 2
    assert windows_of(again) == {str(DAYS[1])}
    assert {delivery["event"] for delivery in again.document["deliveries"]} == {"Charged"}
    assert set(delivered_files(project)) == set(files_of(run))
    assert {**files_of(run), **files_of(again)} == delivered_files(project)

    assert ev("stop", "purchases").document["status"] == "Stopped"
    refused = ev("run", "purchases")
    assert (refused.code, refused.document["error"]["kind"]) == (2, "spec")
    assert "stopped" in refused.err
    assert ev("list").document["exports"][0]["status"] == "Stopped"
    assert set(delivered_files(project)) == set(files_of(run))


def test_the_same_life_for_people(project: Path, spec: Path) -> None:
    def ev(*args: object) -> str:
        ran = run_cli(*args, "--project", project)
        # On a slow machine a run says where it is.
        said = [line for line in ran.err.splitlines() if not line.startswith("purchases: window ")]
        assert (ran.code, said) == (0, [])
        assert "\x1b" not in ran.out
        return ran.out

    assert "not created" in ev("list")
    assert "provisional" in ev("preview", "purchases", "--event", "Charged")
    assert "export id" in ev("create", "purchases")
    assert "Registered already" in ev("create", "purchases")
    assert f"in {project / 'out'}" in ev("run", "purchases")
    assert "nothing is missing" in ev("run", "purchases")
    shown = ev("show", "purchases")
    assert all(word in shown for word in ("Pending", "Revisions", "App Launched", str(DAYS[1])))
    assert str(DAYS[1]) in ev("list")
    spec.write_text(SPEC.replace("[Email]", "[Email, Phone]"))
    assert "revision 2" in ev("edit", "purchases")
    assert "for ever" in ev("stop", "purchases")
    assert "Stopped" in ev("show", "purchases")


def test_a_preview_shows_what_is_delivered_then_and_writes_nothing(project: Path) -> None:
    run_cli("create", "purchases", "--project", project)
    before = tree(project)
    ran = run_cli("preview", "purchases", "--rows", 1000, "--project", project, "--json")

    assert tree(project) == before
    preview = ran.document
    assert set(preview) == {"deliveries", "columns", "records"}
    assert set(preview["columns"]) == set(preview["records"]) == set(EVENTS)

    delivered = run_cli("run", "purchases", "--to", DAYS[1], "--project", project, "--json")
    counted = {
        (it["event"], it["instance"]): (it["rows"], [file["key"] for file in it["files"]])
        for it in delivered.document["deliveries"]
        if it["files"]
    }
    assert counted == {
        (it["event"], it["instance"]): (it["rows"], it["keys"]) for it in preview["deliveries"]
    }
    assert counted
    for event in EVENTS:
        keys = [key for (name, _), (_, its) in counted.items() if name == event for key in its]
        files = [csv_rows(gzip.decompress((project / "out" / key).read_bytes())) for key in keys]
        assert all(file[0] == preview["columns"][event] for file in files)
        shown = csv_rows("\n".join(preview["records"][event]).encode())
        assert sorted(row for file in files for row in file[1:]) == sorted(shown)


def test_a_preview_of_a_new_project_leaves_no_trace(project: Path) -> None:
    before = tree(project)
    ran = run_cli("preview", "purchases", "--rows", 0, "--event", "Charged", "--project", project)

    assert (ran.code, ran.err) == (0, "")
    assert "Charged/Charged-" in ran.out
    assert "App-Launched" not in ran.out
    assert tree(project) == before


@pytest.mark.parametrize("command", ["list", "show", "check"])
def test_looking_at_a_new_project_makes_no_ledger(command: str, project: Path) -> None:
    args = ["purchases"] if command == "show" else []
    ran = run_cli(command, *args, "--project", project)

    assert ran.code == 0
    assert not (project / ".evexport").exists()


@pytest.mark.parametrize("option", ["--from", "--to", "--window"])
@pytest.mark.parametrize("text", ["yesterday", "14/06/2026", "2026-06-31", "08:00", ""])
def test_what_is_not_a_time_is_wrong_use(option: str, text: str, project: Path) -> None:
    before = tree(project)
    command = "preview" if option == "--window" else "run"
    ran = run_cli(command, "purchases", option, text, "--project", project, "--json")

    assert ran.code == 2
    assert f"'{option}'" in ran.err
    assert "2026-06-14T08:00" in ran.err
    assert ran.document["error"]["kind"] == "usage"
    assert tree(project) == before


@pytest.mark.parametrize(
    "args",
    [
        ["--from", DAYS[1], "--to", DAYS[0]],
        ["--from", TODAY],
        ["--to", TODAY.replace(year=TODAY.year + 1)],
        ["--event", "No such event"],
    ],
)
def test_ranges_and_events_that_cannot_be_are_refused(args: list[object], project: Path) -> None:
    ran = run_cli("run", "purchases", *args, "--project", project)

    assert (ran.code, ran.out) == (2, "")
    assert "Error: " in ran.err
    assert not (project / "out").exists()


@pytest.mark.parametrize("command", ["preview", "create", "edit", "run", "show", "check"])
def test_an_export_that_is_not_there_is_named(command: str, project: Path) -> None:
    ran = run_cli(command, "purchase", "--project", project)

    assert (ran.code, ran.out) == (2, "")
    assert "'purchase'" in ran.err
    assert "purchases" in ran.err.replace("'purchase'", "")


@pytest.mark.parametrize("command", ["edit", "stop"])
def test_what_is_not_created_is_neither_edited_nor_stopped(command: str, project: Path) -> None:
    ran = run_cli(command, "purchases", "--project", project)

    assert (ran.code, ran.out) == (2, "")
    assert "not registered" in ran.err


@pytest.mark.parametrize("text", [None, "name: ["], ids=["gone", "wrong"])
def test_an_export_without_a_right_file_is_stopped_all_the_same(
    text: str | None, project: Path, spec: Path
) -> None:
    run_cli("create", "purchases", "--project", project)
    spec.unlink()
    if text is not None:
        spec.write_text(text)
    ran = run_cli("stop", "purchases", "--project", project, "--json")

    assert (ran.code, ran.document["status"]) == (0, "Stopped")


def test_a_gap_between_history_and_start_is_a_warning(project: Path, spec: Path) -> None:
    days = "2026-01-01, to: 2026-01-02"
    spec.write_text(
        SPEC.replace(f"start: {DAYS[0]}", f"start: {DAYS[0]}, history: {{from: {days}}}")
    )
    ran = run_cli("check", "purchases", "--project", project, "--json")

    assert "Warning: " in ran.err
    assert len(ran.document["warnings"]) == 1


def test_a_failure_is_told_by_the_run_and_shown_afterwards(project: Path) -> None:
    run_cli("create", "purchases", "--project", project)
    (project / "out").write_text("a file where the folder should be")
    ran = run_cli("run", "purchases", "--project", project, "--json")

    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert ran.document["error"]["kind"] == "access"
    failure = run_cli("show", "purchases", "--project", project, "--json").document["export"]
    assert failure["last_failure"]["kind"] == "access"
    assert "Last failure" in run_cli("show", "purchases", "--project", project).out


def test_init_makes_a_project_that_checks(tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    made = run_cli("init", folder)

    assert (made.code, made.err) == (0, "")
    assert f"cd '{folder}'" in made.out
    assert run_cli("check", "--project", folder).code == 0
    again = run_cli("init", folder, "--json")
    assert (again.code, again.document["error"]["kind"]) == (2, "spec")


def test_the_demo_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "WINDOWS", 1)
    first, second = run_cli("demo"), run_cli("demo", "--json")

    assert (first.code, second.code) == (0, 0)
    landed = re.findall(r"(?m)^\S+\.csv\.gz(?= +\d)", first.out)
    assert landed
    assert all((tmp_path / "evexport-demo" / "out" / key).is_file() for key in landed)
    (look,) = re.findall(r"gzip -dc (\S+) \|", first.out)
    assert gzip.decompress(Path(look).read_bytes()).startswith(b"eventName,")
    assert set(second.document) == {"folder", "preview", "run"}
    assert files_of_run(second.document["run"]).keys().isdisjoint(landed)
    assert files_of_run(second.document["run"])


def test_the_demo_leaves_other_projects_alone(project: Path) -> None:
    before = tree(project)
    ran = run_cli("demo", project)

    assert (ran.code, ran.out) == (2, "")
    assert "no demo made" in ran.err
    assert tree(project) == before
