"""The catalog sensor: event names become partitions as the source brings them."""

import dagster as dg

from evexport_dagster.defs.display import repair, unknown_events
from evexport_dagster.defs.instance import set_pool_limit
from evexport_dagster.defs.io_managers import ExportIOManager
from evexport_dagster.defs.partitions import dynamic_events
from evexport_dagster.defs.resources import PROJECT, io_manager_key
from evexport_dagster.errors import ExportError
from evexport_dagster.exports import ExportJob, Project

SECONDS = 60


def catalog_sensor(project: Project) -> dg.SensorDefinition:
    """Registers new events of `all` and `system` exports, and shows what was never shown."""
    loaded = {job.name: io_manager_key(job) for job in project.unattended.jobs()}

    @dg.sensor(
        name="catalog",
        description=(
            "Looks for event names that are new in the source and makes them partitions; shows"
            " deliveries whose run broke off before it could."
        ),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={PROJECT, *loaded.values()},
    )
    def catalog(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        opened: Project = context.resources.project
        set_pool_limit(context.instance, opened.settings.runtime.concurrent_runs)
        requests: list[dg.AddDynamicPartitionsRequest] = []
        said: list[str] = []
        for job in opened.unattended.jobs():
            if loaded.get(job.name) != io_manager_key(job):
                # It came, or moved to another kind of store, since this code was loaded.
                continue
            manager: ExportIOManager = getattr(context.resources, io_manager_key(job))
            try:
                requests += _new_events(opened, job, context.instance)
                shown = repair(opened, job, manager.root(job), context.instance)
            except ExportError as error:
                # One source that cannot be read must not hide the events of the others.
                context.log.error(f"{job.name}: {error}")
                said.append(f"{job.name}: {error}")
                continue
            if shown:
                said.append(f"{job.name}: {shown} deliveries were not shown yet")
        for request in requests:
            said.append(f"{request.partitions_def_name}: {len(request.partition_keys)} new events")
        return dg.SensorResult(
            skip_reason="\n".join(said) or "No new events", dynamic_partitions_requests=requests
        )

    return catalog


def _new_events(
    project: Project, job: ExportJob, instance: dg.DagsterInstance
) -> list[dg.AddDynamicPartitionsRequest]:
    partitions = dynamic_events(job)
    if partitions is None:
        return []
    project.discover(job.name, lately=True)
    keys = unknown_events(project, job, instance)
    return [partitions.build_add_request(list(keys))] if keys else []
