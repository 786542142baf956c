"""The whole of it: a webserver and a daemon, told by GraphQL what the UI tells them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from evexport_dagster.exports import Project
from evexport_dagster.windows import window_from_key

from .conftest import DAY
from .materialized import materialized_keys
from .servers import DAGSTER_YAML, Servers, servers

LOCATION = "evexport_dagster.definitions"
ASSET = {"path": ["exports", "purchases"]}
REPOSITORY = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}

LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
RUN_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
BACKFILL_STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""
SENSOR = """
query ($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) { ... on Sensor { sensorState { id } } }
}
"""
STOP = """
mutation ($id: String!) {
  stopSensor(id: $id) {
    __typename
    ... on StopSensorMutationResult { instigationState { status } }
    ... on PythonError { message }
  }
}
"""
TICKS = """
query ($selector: InstigationSelector!) {
  instigationStateOrError(instigationSelector: $selector) {
    ... on InstigationState { ticks(limit: 5) { status skipReason error { message } } }
  }
}
"""


@pytest.mark.long
def test_keys_ranges_and_backfills_through_the_servers(
    project: Project, folder: Path, home: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    (folder / "dagster.yaml").write_text("")
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    project.create("everything")
    with servers(folder, home, tmp_path) as running:
        # The first run of an export creates it, and from then on it would run by itself.
        _switch_planner_off(running)
        # What takes the daemon longest is asked for first.
        backfilled = [
            f"{event}|2026-06-{day}-00:00"
            for event in ("Charged", "Added To Cart")
            for day in (15, 16)
        ]
        backfill = _launch_backfill(running, backfilled)
        one = f"App Launched|{DAY}-00:00"
        key_run = _launch(running, {"dagster/partition": one})
        corners = (f"Charged|{DAY}-00:00", f"Product Viewed|{DAY}-08:00")
        range_run = _launch(
            running,
            {
                "dagster/asset_partition_range_start": corners[0],
                "dagster/asset_partition_range_end": corners[1],
            },
        )
        assert _ended(running, RUN_STATUS, key_run, "runOrError") == "SUCCESS"
        assert _ended(running, RUN_STATUS, range_run, "runOrError") == "SUCCESS"
        asked = "partitionBackfillOrError"
        assert _ended(running, BACKFILL_STATUS, backfill, asked) == "COMPLETED_SUCCESS"
        _catalog_ticked(running)

    ranged = [
        f"{event}|{DAY}-{hour}:00"
        for event in ("Charged", "Product Viewed")
        for hour in ("00", "08")
    ]
    keys = {one, *ranged, *backfilled}
    assert materialized_keys(instance, "purchases") == dict.fromkeys(keys, 1)
    assert project.to_display("purchases") == ()
    assert len(instance.get_dynamic_partitions("exports/everything")) > 30
    limits = {it.name: it.limit for it in instance.event_log_storage.get_pool_limits()}
    assert limits == {"exports": 1}
    for key in keys:
        _holds_its_rows(project, folder, key)


def _holds_its_rows(project: Project, folder: Path, key: str) -> None:
    """Whether the files of a key hold the rows that its receipt says."""
    event, _, start = key.partition("|")
    job = project.job("purchases")
    window = window_from_key(start, job.cadence, job.zone)
    folder_name = event.replace(" ", "-")
    files = folder.glob(f"out/{folder_name}/*-{window.timestamp}-*.csv.gz")
    rows = sum(len(gzip.decompress(it.read_bytes()).splitlines()) - 1 for it in files)
    (receipt,) = [
        it
        for it in project.show("purchases").receipts
        if it.event == event and it.window_start == window.start
    ]
    assert rows == receipt.rows


def _switch_planner_off(running: Servers) -> None:
    selector = {**REPOSITORY, "sensorName": "planner"}
    state = running.ask(SENSOR, selector=selector)["sensorOrError"]["sensorState"]
    stopped = running.ask(STOP, id=state["id"])["stopSensor"]
    assert stopped["instigationState"]["status"] == "STOPPED", stopped


def _launch(running: Servers, tags: dict[str, str]) -> str:
    params = {
        "selector": {**REPOSITORY, "jobName": "__ASSET_JOB", "assetSelection": [ASSET]},
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": key, "value": it} for key, it in tags.items()]},
    }
    launched = running.ask(LAUNCH, params=params)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def _launch_backfill(running: Servers, keys: list[str]) -> str:
    params = {"assetSelection": [ASSET], "partitionNames": keys, "fromFailure": False}
    launched = running.ask(BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def _ended(running: Servers, query: str, name: str, field: str) -> str:
    def status() -> str | None:
        found = str(running.ask(query, id=name)[field]["status"])
        going = {"QUEUED", "NOT_STARTED", "STARTING", "STARTED", "REQUESTED"}
        return None if found in going else found

    return running.wait_for(f"the end of {name}", status)


def _catalog_ticked(running: Servers) -> None:
    selector = {**REPOSITORY, "name": "catalog"}

    def ticks() -> list[Any] | None:
        state = running.ask(TICKS, selector=selector)["instigationStateOrError"]
        return [it for it in state["ticks"] if it["status"] != "STARTED"] or None

    assert {it["status"] for it in running.wait_for("a tick of the sensor", ticks)} <= {"SKIPPED"}
