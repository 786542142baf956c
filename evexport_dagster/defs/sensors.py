"""The catalog sensor: what is new in the source of windows that were delivered already.

Event names become partitions as the source brings them; late events are looked for.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Final

import dagster as dg

from evexport_dagster.defs.display import repair, unknown_events
from evexport_dagster.defs.instance import set_pool_limit
from evexport_dagster.defs.io_managers import ExportIOManager
from evexport_dagster.defs.partitions import dynamic_events
from evexport_dagster.defs.resources import PLAIN, Keys
from evexport_dagster.errors import ExportError
from evexport_dagster.exports import ExportJob, LateLook, Looked, Project, look_lines

SECONDS = 60
WHOLE_EVERY: Final = dt.timedelta(hours=1)
"""So often whole windows are counted again; in between only new arrivals are looked for."""


@dataclass(frozen=True)
class _Known:
    """How far the source of an export was looked into, all as ISO 8601: up to which arrival, when,
    and when whole windows were counted."""

    seen_to: str | None = None
    at: str | None = None
    whole_at: str | None = None

    def is_due(self, job: ExportJob, now: dt.datetime) -> bool:
        """Whether it is time to look again: what comes late is no more urgent than what comes in
        time, which waits for the settle delay."""
        return not _is_recent(self.at, min(job.settle, WHOLE_EVERY), now)

    def before(self, now: dt.datetime) -> Looked:
        """Where the next look begins."""
        is_short = _is_recent(self.whole_at, WHOLE_EVERY, now)
        return Looked(_instant(self.seen_to) if is_short else None, _instant(self.at))

    def after(self, look: LateLook, before: Looked, now: dt.datetime) -> _Known:
        """What is known once it was looked."""
        return _Known(
            seen_to=look.seen_to.isoformat() if look.seen_to else None,
            at=now.isoformat(),
            whole_at=now.isoformat() if before.since is None else self.whole_at,
        )


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
        known = _known(context.cursor)
        # What came, or moved to another kind of store, since this code was loaded, has to wait.
        jobs = [it for it in opened.unattended.jobs() if loaded.get(it.name) == keys.io_manager(it)]
        looked = _look(opened, jobs, known)
        for job in jobs:
            manager: ExportIOManager = getattr(context.resources, keys.io_manager(job))
            look = looked.get(job.name, LateLook())
            try:
                requests += _new_events(opened, job, context.instance)
                shown = repair(opened, job, manager.root(job), context.instance)
                if isinstance(look, ExportError):
                    raise look
            except ExportError as error:
                # One source that cannot be read must not hide the events of the others.
                context.log.error(f"{job.name}: {error}")
                said.append(f"{job.name}: {error}")
                continue
            said += [f"{job.name}: {text}" for text in look_lines(look, job.zone)]
            if shown:
                said.append(f"{job.name}: {shown} deliveries were not shown yet")
        for request in requests:
            said.append(f"{request.partitions_def_name}: {len(request.partition_keys)} new events")
        return dg.SensorResult(
            skip_reason="\n".join(said) or "No new events",
            dynamic_partitions_requests=requests,
            cursor=json.dumps({name: asdict(it) for name, it in known.items()}),
        )

    return catalog


def _look(
    project: Project, jobs: Iterable[ExportJob], known: dict[str, _Known]
) -> dict[str, LateLook | ExportError]:
    """Look into the sources of those exports whose time has come; what is `known` grows by it."""
    now = project.unattended.now()
    due = {
        job.name: known.get(job.name, _Known()).before(now)
        for job in jobs
        if known.get(job.name, _Known()).is_due(job, now)
    }
    looked = project.unattended.watch(due)
    for name, look in looked.items():
        if not isinstance(look, ExportError):
            known[name] = known.get(name, _Known()).after(look, due[name], now)
    return looked


def _known(cursor: str | None) -> dict[str, _Known]:
    names = {field.name for field in fields(_Known)}
    held: dict[str, dict[str, str]] = json.loads(cursor or "{}")
    return {
        name: _Known(**{key: value for key, value in it.items() if key in names})
        for name, it in held.items()
    }


def _is_recent(at: str | None, within: dt.timedelta, now: dt.datetime) -> bool:
    # What is said to be to come was said by a clock that was set back since.
    then = _instant(at)
    return then is not None and then <= now < then + within


def _instant(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def _new_events(
    project: Project, job: ExportJob, instance: dg.DagsterInstance
) -> list[dg.AddDynamicPartitionsRequest]:
    partitions = dynamic_events(job)
    if partitions is None:
        return []
    keys = unknown_events(project, job, instance)
    return [partitions.build_add_request(list(keys))] if keys else []
