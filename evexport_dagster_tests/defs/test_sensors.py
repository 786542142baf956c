from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import pytest

from evexport_dagster.definitions import definitions
from evexport_dagster.defs.partitions import event_key
from evexport_dagster.defs.resources import resources
from evexport_dagster.exports import Project, load_project

from .conftest import DAY, ODD_NAMES
from .materialized import materialized_keys


def tick(folder: Path, instance: dg.DagsterInstance) -> dg.SensorExecutionData:
    """One evaluation of the catalog sensor, and what the daemon then does with it."""
    sensor = definitions(folder).get_repository_def().get_sensor_def("catalog")
    with (
        load_project(folder) as project,
        dg.build_sensor_context(instance=instance, resources=resources(project)) as context,
    ):
        data = sensor.evaluate_tick(context)
    for request in data.dynamic_partitions_requests or ():
        assert isinstance(request, dg.AddDynamicPartitionsRequest)
        instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    return data


def event_partitions(instance: dg.DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions("exports/everything"))


def test_events_become_partitions_once_the_export_is_created(
    project: Project, folder: Path, forgetting: dg.DagsterInstance
) -> None:
    tick(folder, forgetting)
    assert event_partitions(forgetting) == []
    project.create("everything")
    data = tick(folder, forgetting)
    assert event_partitions(forgetting) == [
        event_key(it.name) for it in project.events("everything")
    ]
    assert {*map(event_key, ODD_NAMES)} <= {*event_partitions(forgetting)}
    assert "new events" in (data.skip_message or "")
    assert tick(folder, forgetting).skip_message == "No new events"


def test_a_new_event_of_the_source_joins(
    project: Project, folder: Path, lake: Path, forgetting: dg.DagsterInstance
) -> None:
    project.create("everything")
    tick(folder, forgetting)
    before = event_partitions(forgetting)
    own = folder / "more"
    own.mkdir()
    duckdb.sql(
        f"COPY (SELECT * REPLACE ('Brand | New' AS event_name)"
        f" FROM read_parquet('{lake}/events/odd-1.parquet')) TO '{own}/new.parquet'"
    )
    (folder / "lake").unlink()
    (folder / "lake" / "events").mkdir(parents=True)
    for file in (*lake.glob("events/*.parquet"), own / "new.parquet"):
        (folder / "lake" / "events" / file.name).symlink_to(file)
    (folder / "lake" / "profiles.parquet").symlink_to(lake / "profiles.parquet")
    tick(folder, forgetting)
    assert event_partitions(forgetting) == [*before, "Brand %7C New"]


def test_what_was_never_shown_is_shown_once(
    project: Project, folder: Path, instance: dg.DagsterInstance
) -> None:
    task = project.missing("purchases")[0]
    project.deliver(task, run_id="killed")
    tick(folder, instance)
    tick(folder, instance)
    assert materialized_keys(instance, "purchases") == {
        f"{event}|{DAY}-00:00": 1 for event in task.events
    }


def test_what_a_living_run_has_recorded_is_its_own_to_show(
    project: Project, folder: Path, instance: dg.DagsterInstance
) -> None:
    run = dg.DagsterRun(job_name="exports", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    project.deliver(project.missing("purchases")[0], run_id=run.run_id)
    tick(folder, instance)
    assert materialized_keys(instance, "purchases") == {}


def test_a_source_that_cannot_be_read_hides_nothing_else(
    project: Project, folder: Path, instance: dg.DagsterInstance
) -> None:
    project.create("everything")
    project.deliver(project.missing("purchases")[0], run_id="killed")
    (folder / "lake").unlink()
    data = tick(folder, instance)
    assert "everything" in (data.skip_message or "")
    assert materialized_keys(instance, "purchases").total() == 4


def test_the_pool_gets_its_limit(folder: Path, instance: dg.DagsterInstance) -> None:
    tick(folder, instance)
    limits = {it.name: it.limit for it in instance.event_log_storage.get_pool_limits()}
    assert limits == {"exports": 1}


def test_it_runs_by_itself_every_minute(folder: Path) -> None:
    sensor = definitions(folder).get_repository_def().get_sensor_def("catalog")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == pytest.approx(60)
