"""The catalog sensor: what is new in the source of windows that were delivered already.

Event names become partitions as the source brings them; late events are looked for.
"""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import Final

import dagster as dg

from evexport_dagster.defs.display import repair, unknown_events
from evexport_dagster.defs.instance import set_pool_limit
from evexport_dagster.defs.io_managers import ExportIOManager
from evexport_dagster.defs.partitions import dynamic_events
from evexport_dagster.defs.resources import PLAIN, Keys
from evexport_dagster.errors import ExportError
from evexport_dagster.exports import ExportJob, Project, look_lines

SECONDS = 60
LOOKS_UNTIL_ALL: Final = 60
"""So often only new arrivals are looked for, before whole windows are counted again."""


@dataclass(frozen=True)
class _Looked:
    """How far late events of an export were looked for: `seen_to` as ISO 8601, and how often
    since whole windows were counted."""

    seen_to: str | None = None
    looks: int = 0


def catalog_sensor(project: Project, keys: Keys = PLAIN) -> dg.SensorDefinition:
    """Registers new events of `all` and `system` exports, looks for late ones, and shows what was
    never shown."""
    loaded = {job.name: keys.io_manager(job) for job in project.unattended.jobs()}

    @dg.sensor(
        name=keys.of("catalog"),
        description=(
            "Looks for event names that are new in the source and makes them partitions; looks for"
            " events that came after their window was delivered; shows deliveries whose run broke"
            " off before it could."
        ),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={keys.project, *loaded.values()},
    )
    def catalog(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        opened = keys.opened(context.resources)
        set_pool_limit(context.instance, opened.settings.runtime.concurrent_runs)
        requests: list[dg.AddDynamicPartitionsRequest] = []
        said: list[str] = []
        looked = {name: _Looked(**it) for name, it in json.loads(context.cursor or "{}").items()}
        for job in opened.unattended.jobs():
            if loaded.get(job.name) != keys.io_manager(job):
                # It came, or moved to another kind of store, since this code was loaded.
                continue
            manager: ExportIOManager = getattr(context.resources, keys.io_manager(job))
            try:
                requests += _new_events(opened, job, context.instance)
                shown = repair(opened, job, manager.root(job), context.instance)
                looked[job.name], late = _late(opened, job, looked.get(job.name, _Looked()))
                said += late
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
            skip_reason="\n".join(said) or "No new events",
            dynamic_partitions_requests=requests,
            cursor=json.dumps({name: asdict(it) for name, it in looked.items()}),
        )

    return catalog


def _late(project: Project, job: ExportJob, before: _Looked) -> tuple[_Looked, list[str]]:
    """Look for late events; gives how far that was done, and what there is to say."""
    is_short = before.seen_to is not None and before.looks < LOOKS_UNTIL_ALL
    since = dt.datetime.fromisoformat(before.seen_to) if is_short and before.seen_to else None
    look = project.unattended.look_for_late(job.name, since)
    said = [f"{job.name}: {text}" for text in look_lines(look, job.zone)]
    seen_to = look.seen_to.isoformat() if look.seen_to else None
    return _Looked(seen_to, before.looks + 1 if is_short else 0), said


def _new_events(
    project: Project, job: ExportJob, instance: dg.DagsterInstance
) -> list[dg.AddDynamicPartitionsRequest]:
    partitions = dynamic_events(job)
    if partitions is None:
        return []
    project.discover(job.name, lately=True)
    keys = unknown_events(project, job, instance)
    return [partitions.build_add_request(list(keys))] if keys else []
