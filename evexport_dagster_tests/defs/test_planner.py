"""The planner sensor: what it asks Dagster for, and a real daemon that does it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest

from evexport_dagster.definitions import definitions
from evexport_dagster.defs.resources import resources
from evexport_dagster.defs.runs import EXPORT_TAG, PROCESS_TAG, WINDOW_TAG, is_dead, unfinished
from evexport_dagster.errors import AccessError
from evexport_dagster.exports import Project
from evexport_dagster.exports.holders import new_holder
from evexport_dagster_tests.handmade import (
    NOW,
    Handmade,
    arrived,
    at,
    event,
    one_time,
    recurring,
)
from evexport_dagster_tests.handmade import home as made

from .servers import DAGSTER_YAML, servers

__all__ = ["made"]

MINUTE = dt.timedelta(minutes=1)
KEY = dg.AssetKey(["exports", "purchases"])
HISTORY = dg.AssetKey(["exports", "purchases_history"])
FAILING = dg.AssetKey(["exports", "failing"])
STATUS = dg.DagsterRunStatus


@pytest.fixture
def project(made: Handmade) -> Iterator[Project]:
    with made.open() as opened:
        yield opened


def tick(
    project: Project, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorExecutionData:
    """One evaluation of the planner by code that was loaded from the project's folder."""
    return _tick(definitions(project.settings.folder), project, instance, cursor)


def _tick(
    loaded: dg.Definitions,
    project: Project,
    instance: dg.DagsterInstance,
    cursor: str | None = None,
) -> dg.SensorExecutionData:
    repository = loaded.get_repository_def()
    with dg.build_sensor_context(
        instance=instance, resources=resources(project), repository_def=repository, cursor=cursor
    ) as context:
        return repository.get_sensor_def("planner").evaluate_tick(context)


def asked(
    project: Project, instance: dg.DagsterInstance
) -> list[tuple[dg.AssetKey, str, dict[str, str]]]:
    """The runs that a tick asks for: asset, run key and tags."""
    data = tick(project, instance)
    requests = []
    for request in data.run_requests or ():
        assert request.asset_selection
        key = request.asset_selection[0]
        requests.append((key, request.run_key or "", dict(request.tags)))
    return requests


def add_run(
    instance: dg.DagsterInstance,
    status: STATUS,
    tags: dict[str, str] | None = None,
    key: dg.AssetKey = KEY,
) -> dg.DagsterRun:
    """A run of an export that is in this state."""
    run = dg.DagsterRun(
        job_name="__ASSET_JOB", status=status, asset_selection=frozenset([key]), tags=tags or {}
    )
    return instance.add_run(run)


def kill_run(instance: dg.DagsterInstance) -> bool:
    """Kill the process of a run of the export; whether there was one at work."""
    filters = dg.RunsFilter(statuses=[STATUS.STARTED])
    for run in instance.get_runs(filters):
        process = run.tags.get(PROCESS_TAG, "").split("/")
        if KEY in (run.asset_selection or ()) and len(process) > 2:
            with suppress(ProcessLookupError):
                os.kill(int(process[-2]), signal.SIGKILL)
                return True
    return False


def show_delivered(instance: dg.DagsterInstance, key: dg.AssetKey, when: dt.datetime) -> None:
    """Have the asset look as if it was last delivered then."""
    instance.report_runless_asset_event(dg.AssetMaterialization(key))
    shown = instance.get_latest_materialization_event(key)
    assert shown is not None
    instance.event_log_storage.store_event(shown._replace(timestamp=when.timestamp()))


def freshness(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, str]:
    """How Dagster's daemon finds the assets that it has looked at."""
    records = instance.get_freshness_state_records(list(keys))
    return {key: record.freshness_state.value for key, record in records.items()}


def test_it_looks_by_itself_every_few_seconds(made: Handmade) -> None:
    sensor = definitions(made.folder).get_repository_def().get_sensor_def("planner")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 5


def test_an_export_that_is_not_created_does_not_start(
    project: Project, forgetting: dg.DagsterInstance
) -> None:
    assert asked(project, forgetting) == []
    assert not (project.settings.folder / ".evexport").exists()
    project.create("purchases")
    assert len(asked(project, forgetting)) == 1


def test_two_daemons_ask_for_the_same_run(project: Project, forgetting: dg.DagsterInstance) -> None:
    export_id = project.create("purchases")[0].export_id
    first = asked(project, forgetting)
    assert first == asked(project, forgetting)
    ((key, run_key, tags),) = first
    assert key == KEY
    assert run_key == f"{export_id}/{int(at(1).timestamp())}/first"
    assert tags == {
        EXPORT_TAG: str(export_id),
        WINDOW_TAG: "2026-06-14-00:00",
        "dagster/priority": "10",
        "dagster/sensor_name": "planner",
        "dagster/asset_partition_range_start": "Charged|2026-06-14-00:00",
        "dagster/asset_partition_range_end": "App Launched|2026-06-14-00:00",
    }


@pytest.mark.parametrize("status", [STATUS.NOT_STARTED, STATUS.STARTING, STATUS.STARTED])
def test_nothing_is_asked_for_while_a_run_waits_or_works(
    project: Project, forgetting: dg.DagsterInstance, status: STATUS
) -> None:
    project.create("purchases")
    add_run(forgetting, status)
    assert asked(project, forgetting) == []


def test_runs_of_an_account_go_in_turn(made: Handmade, forgetting: dg.DagsterInstance) -> None:
    made.spec(schedule=recurring(first="2026-06-12", last="2026-06-13"))
    project = made.open()
    project.create("purchases")
    assert [key for key, *_ in asked(project, forgetting)] == [KEY]
    made.configure(concurrent_runs=2)
    assert [key for key, *_ in asked(made.open(), forgetting)] == [KEY, HISTORY]
    add_run(forgetting, STATUS.NOT_STARTED, {EXPORT_TAG: "1"})
    assert [key for key, *_ in asked(made.open(), forgetting)] == [HISTORY]


def test_a_run_that_ended_without_a_word_is_asked_for_again_the_second_time_after_a_while(
    made: Handmade, forgetting: dg.DagsterInstance
) -> None:
    made.now = dt.datetime.now(dt.UTC)
    day = made.now.date() - dt.timedelta(days=3)
    made.spec(schedule=recurring(start=str(day)))
    project = made.open()
    project.create("purchases")
    ((_, first, tags),) = asked(project, forgetting)
    run = add_run(forgetting, STATUS.STARTED, {**tags, PROCESS_TAG: "gone"})
    forgetting.report_run_failed(run)
    made.now = dt.datetime.now(dt.UTC)
    ((_, second, _),) = asked(project, forgetting)
    assert second == f"{first.rpartition('/')[0]}/{run.run_id}"
    run = add_run(forgetting, STATUS.STARTED, {**tags, PROCESS_TAG: "gone"})
    forgetting.report_run_failed(run)
    made.now = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=4, seconds=30)
    assert asked(project, forgetting) == []
    made.now += dt.timedelta(minutes=1)
    ((_, again, _),) = asked(project, forgetting)
    assert again == f"{first.rpartition('/')[0]}/{run.run_id}"


def test_a_window_that_is_due_again_is_another_run_to_dagster(
    made: Handmade, forgetting: dg.DagsterInstance
) -> None:
    made.now = at(3)
    made.events([arrived(event("Charged", at(0, 5)), at(0, 5))])
    project, keys = made.open(), []
    project.create("purchases")
    for _ in range(2):
        ((_, run_key, tags),) = asked(project, forgetting)
        project.deliver(project.missing("purchases")[0], run_id="planned")
        add_run(forgetting, STATUS.SUCCESS, tags)
        keys.append(run_key)
    made.events([arrived(event("Charged", at(0, 6)), at(2))], "later")
    assert project.look_for_late("purchases").found
    ((_, run_key, tags),) = asked(project, forgetting)
    assert tags[WINDOW_TAG] == "2026-06-14-00:00"
    assert run_key not in keys


def test_code_that_is_loaded_anew_is_no_reason_to_try_again_what_failed(
    made: Handmade, forgetting: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.destinations["later"] = {"type": "azure", "account": "a", "container": "c"}
    made.destinations["later"]["sas_token"] = {"env": "LATER"}
    made.destinations["denied"] = {"type": "local", "path": "denied"}
    made.configure()
    made.spec(destination="denied")
    (made.folder / "denied").write_text("a file, where a folder should be")
    with made.open() as project:
        project.create("purchases")
        cursor = tick(project, forgetting).cursor
    with made.open() as project, pytest.raises(AccessError):
        project.run("purchases")

    def asks(cursor: str | None) -> tuple[bool, str | None]:
        """Whether the planner asks for a run when its code was loaded anew, a minute later."""
        made.now += MINUTE
        with made.open() as project:
            data = tick(project, forgetting, cursor)
        return bool(data.run_requests), data.cursor

    for _ in range(3):
        does, cursor = asks(cursor)
        assert not does
    monkeypatch.setenv("LATER", "secret")
    does, cursor = asks(cursor)
    assert does
    assert "secret" not in (cursor or "")
    with made.open() as project, pytest.raises(AccessError):
        project.run("purchases")
    assert asks(cursor)[0] is False
    made.configure(settle="6m")
    assert asks(cursor)[0] is True


def test_a_run_whose_process_is_gone_is_failed(
    project: Project, forgetting: dg.DagsterInstance
) -> None:
    project.create("purchases")
    mine = new_holder("run")
    alive = add_run(forgetting, STATUS.STARTED, {PROCESS_TAG: mine})
    gone = add_run(forgetting, STATUS.STARTED, {PROCESS_TAG: mine.rpartition("/")[0] + "/1"})
    foreign = add_run(forgetting, STATUS.STARTED, {PROCESS_TAG: "x"}, dg.AssetKey("theirs"))
    assert asked(project, forgetting) == []
    found = [forgetting.get_run_by_id(it.run_id) for it in (alive, gone, foreign)]
    assert [it.status for it in found if it] == [STATUS.STARTED, STATUS.FAILURE, STATUS.STARTED]


def test_how_long_runs_may_be_silent(forgetting: dg.DagsterInstance) -> None:
    add_run(forgetting, STATUS.STARTED)
    add_run(forgetting, STATUS.STARTED, {PROCESS_TAG: "run/0123/another-boot:1/17/1234"})
    add_run(forgetting, STATUS.NOT_STARTED)
    records = unfinished(forgetting, ["purchases"])
    now = dt.datetime.now(dt.UTC)

    def dead(minutes: int, alive: bool | None = None) -> int:
        known = {} if alive is None else {it.dagster_run.run_id: alive for it in records}
        later = now + dt.timedelta(minutes=minutes)
        return sum(is_dead(record, known, later) for record in records)

    assert [dead(it) for it in (0, 9, 11, 59, 61)] == [0, 0, 1, 1, 2]
    assert dead(600, alive=True) == 0
    assert dead(0, alive=False) == 2


def test_runs_of_a_stopped_export_are_canceled_and_none_follows(
    project: Project, forgetting: dg.DagsterInstance
) -> None:
    project.create("purchases")
    queued = add_run(forgetting, STATUS.NOT_STARTED)
    project.stop("purchases")
    assert asked(project, forgetting) == []
    found = forgetting.get_run_by_id(queued.run_id)
    assert found is not None
    assert found.status == STATUS.CANCELED
    assert asked(project, forgetting) == []


def test_what_becomes_of_an_export_is_shown_on_its_asset(
    project: Project, instance: dg.DagsterInstance
) -> None:
    def shown() -> list[str]:
        found = instance.fetch_observations(KEY, limit=9).records
        observations = [it.asset_observation for it in found]
        return [str(it.metadata["status"].value) for it in observations if it]

    project.create("purchases")
    tick(project, instance)
    assert shown() == ["Pending"]
    project.stop("purchases")
    tick(project, instance)
    assert shown()[0] == "Stopped"
    assert project.list()[0].status == "Stopped"


def test_a_one_time_export_without_an_event_is_done(
    made: Handmade, forgetting: dg.DagsterInstance
) -> None:
    made.now = NOW
    made.spec(schedule=one_time("2026-06-13", "2026-06-13"), events={"select": "all"})
    project = made.open()
    project.create("purchases")
    assert asked(project, forgetting) == []
    assert project.list()[0].status == "Done"


def test_a_file_that_came_later_is_told_of(made: Handmade, forgetting: dg.DagsterInstance) -> None:
    loaded = definitions(made.folder)
    made.spec("later")
    project = made.open()
    project.create("later")
    said = _tick(loaded, project, forgetting).skip_message or ""
    assert "later: reload the code location" in said


def test_what_waits_says_until_when(made: Handmade, forgetting: dg.DagsterInstance) -> None:
    made.now = at(0, 5)
    project = made.open()
    project.create("purchases")
    said = tick(project, forgetting).skip_message or ""
    assert "purchases: the window of 2026-06-14 00:00+00:00 is due at 2026-06-15 00:05:00" in said


@pytest.mark.long
def test_a_daemon_runs_a_created_export_by_itself(
    made: Handmade,
    home: Path,
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It catches up in order, though its first run is killed, and takes what comes late; what fails
    holds up nobody else, and is late, as its freshness policy has it; a stop is for ever."""
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    today = dt.datetime.now(dt.UTC).date()
    made.now = dt.datetime.now(dt.UTC)
    made.destinations["denied"] = {"type": "local", "path": "denied"}
    made.configure(settle="1m", history_limit="36500d")
    first = dt.datetime.combine(today - dt.timedelta(days=1), dt.time(1), dt.UTC)
    made.events(arrived(event("Charged", time), time) for time in (at(0, 5), first))
    made.spec(schedule=recurring("12h", str(first.date())))
    made.spec("failing", destination="denied", schedule=recurring(start="2026-06-14"))
    (made.folder / "denied").write_text("a file, where a folder should be")
    project = made.open()
    project.create("failing")
    project.create("purchases")
    show_delivered(instance, FAILING, made.now - dt.timedelta(days=3))
    monkeypatch.setenv("FRESHNESS_DAEMON_INTERVAL_SECONDS", "2")
    with servers(made.folder, home, tmp_path, web=False) as running:

        def delivered() -> bool:
            return len(project.show("purchases").receipts) >= 4

        until = time.monotonic() + 90
        while not kill_run(instance):
            assert time.monotonic() < until, "no run was at work"
            time.sleep(0.02)
        running.wait_for("two windows", delivered, 120)
        made.events([arrived(event("Charged", first), made.now)], "later")
        assert project.look_for_late("purchases").found

        def delivered_again() -> bool:
            return not project.show("purchases").late

        running.wait_for("the late row", delivered_again, 60)
        running.wait_for("a failure", lambda: project.list()[0].last_failure, 60)
        fresh = {KEY: "PASS", FAILING: "FAIL"}
        running.wait_for("what is late", lambda: freshness(instance, fresh) == fresh, 60)
        project.stop("purchases")

        def ended() -> bool:
            return not unfinished(instance, ["purchases"])

        running.wait_for("the end of its runs", ended, 60)
        before = len(project.show("purchases").receipts)

    runs = [it.dagster_run for it in instance.get_run_records(ascending=True)]
    own = [it for it in runs if KEY in (it.asset_selection or ())]
    windows = [it.tags[WINDOW_TAG] for it in own if it.status != STATUS.FAILURE]
    assert list(dict.fromkeys(windows)) == sorted(set(windows))
    assert windows.count(windows[0]) == 2
    killed = [it.tags[WINDOW_TAG] for it in own if it.status == STATUS.FAILURE]
    assert set(killed) <= set(windows)
    assert len(project.show("purchases").receipts) == before
    failed = [it for it in runs if FAILING in (it.asset_selection or ())]
    assert [it.status for it in failed] == [STATUS.FAILURE]
    rows = {it.name: it for it in project.list()}
    assert rows["purchases"].status == "Stopped"
    assert (rows["failing"].status, rows["purchases"].last_failure) == ("Pending", None)
    limits = {it.name: it.limit for it in instance.event_log_storage.get_pool_limits()}
    assert limits == {"exports": 1}
