"""The planner sensor: it starts what is due, one window of an export at a time.

It decides nothing itself: the facts come from the ledger and from Dagster's runs, `next_run` says
what is due, and a run takes the window's lease. So nothing depends on how often, or in how many
daemons, it is asked.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace

import dagster as dg

from evexport_dagster.defs.display import show_status
from evexport_dagster.defs.instance import set_pool_limit
from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.defs.partitions import partitions_of
from evexport_dagster.defs.resources import PLAIN, Keys
from evexport_dagster.defs.runs import (
    EXPORT_TAG,
    bury,
    cancel,
    is_of,
    last_run,
    planned_tags,
    unfinished,
)
from evexport_dagster.defs.selection import selection
from evexport_dagster.errors import ExportError
from evexport_dagster.exports import ExportJob, NextRun, Project, in_turn, is_done, next_run

SECONDS = 5


@dataclass(frozen=True)
class _Known:
    """What one tick leaves to the next: the statuses that assets show; a digest of the settings,
    and since when they are so, as ISO 8601.

    Dagster's daemon loads the code anew every minute: that alone changes nothing, and is no reason
    to try again what failed.
    """

    statuses: dict[str, str] = field(default_factory=dict)
    settings: str = ""
    since: str = ""

    @property
    def settings_at(self) -> dt.datetime:
        """When the settings changed."""
        return dt.datetime.fromisoformat(self.since)


@dataclass
class _Tick:
    """One look at every export: the runs of Dagster, the statuses that it shows, what is due, and
    what is said of it."""

    project: Project
    instance: dg.DagsterInstance
    runs: Sequence[dg.DagsterRun]
    known: _Known
    due: list[NextRun] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def look(self, job: ExportJob) -> None:
        """Note the next run of an export if it is due; end the runs of one that is stopped."""
        registered = self.project.registered(job.name)
        if registered is None:
            return
        statuses = self.known.statuses
        statuses[job.name] = show_status(registered, self.instance, statuses)
        own = [run for run in self.runs if is_of(run, job.name)]
        if registered.state == "stopped":
            for run in own:
                cancel(self.instance, run)
            return
        facts, now = (
            self.project.unattended.facts(
                job.name, queued=bool(own), settings_at=self.known.settings_at
            ),
            self.project.unattended.now(),
        )
        if facts is None:
            return
        if facts.failures:
            self.project.unattended.forget_left(job.name)
        if is_done(facts, now):
            self.project.discover(job.name)
            self.project.unattended.finish(job.name)
            return
        planned = next_run(facts, now)
        if planned is not None and planned.is_due(now):
            last = last_run(self.instance, job, registered.export_id)
            planned = next_run(replace(facts, last_run=last), now)
        if planned is None:
            return
        if planned.is_due(now):
            self.due.append(planned)
        else:
            self.said.append(_waits(planned))

    def requests(self) -> list[dg.RunRequest]:
        """The runs that may start now."""
        at_work = sum(EXPORT_TAG in run.tags for run in self.runs)
        limit = self.project.settings.runtime.concurrent_runs
        return [self._request(planned) for planned in in_turn(self.due, at_work, limit)]

    def _request(self, planned: NextRun) -> dg.RunRequest:
        job, registered = planned.job, self.project.registered(planned.job.name)
        assert registered is not None
        last = last_run(self.instance, job, registered.export_id)
        tags = planned_tags(planned, registered.export_id)
        ops = {}
        for task in self.project.unattended.missing_in(job.name, planned.window):
            events = len(self.project.events(job.name))
            partitions = partitions_of(
                job, events, self.project.unattended.now().astimezone(job.zone).date()
            )
            told = selection(job, task, partitions, self.instance)
            key = {"dagster/partition": told.partition_key} if told.partition_key else {}
            tags, ops = {**tags, **told.tags, **key}, dict(told.ops)
        return dg.RunRequest(
            # The same attempt has the same key, whenever and however often it is asked for; one
            # of a window that was delivered before has another, or Dagster would never start it.
            run_key="/".join(
                (
                    str(registered.export_id),
                    str(planned.window.timestamp),
                    last.run_id if last else "first",
                )
            ),
            asset_selection=[asset_key(job.name)],
            tags=tags,
            run_config=ops,
        )


def planner_sensor(project: Project, keys: Keys = PLAIN) -> dg.SensorDefinition:
    """Starts runs of the created exports of a project, by itself."""
    loaded = {job.name for job in project.unattended.jobs()}

    @dg.sensor(
        name=keys.of("planner"),
        description=(
            "Delivers every window of a created export once it has ended and settled, in order;"
            " tries again what failed. An export that is not created, or is stopped, never runs."
        ),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(*(asset_key(name) for name in sorted(loaded))),
        required_resource_keys={keys.project},
    )
    def planner(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        opened = keys.opened(context.resources)
        set_pool_limit(context.instance, opened.settings.runtime.concurrent_runs)
        runs = bury(opened, context.instance, unfinished(context.instance, loaded))
        tick = _Tick(opened, context.instance, runs, _known(opened, context.cursor))
        for job in opened.unattended.jobs():
            if job.name not in loaded:
                tick.said.append(f"{job.name}: reload the code location to let it run")
                continue
            try:
                tick.look(job)
            except ExportError as error:
                # One export that cannot be planned must not hold up the others.
                context.log.error(f"{job.name}: {error}")
                tick.said.append(f"{job.name}: {error}")
        requests = tick.requests()
        said = "\n".join(tick.said) or "Nothing is due"
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else said,
            cursor=json.dumps(asdict(tick.known)),
        )

    return planner


def _known(project: Project, cursor: str | None) -> _Known:
    """What the last tick left, with the settings as they are now."""
    hidden = [job.spec.pii for job in project.unattended.jobs()]
    held, digest = json.loads(cursor or "{}"), project.settings.digest(hidden)
    if not {field.name for field in fields(_Known)} <= held.keys():
        held = asdict(_Known())
    if held["settings"] != digest:
        held |= {"settings": digest, "since": project.unattended.opened_at.isoformat()}
    return _Known(**held)


def _waits(planned: NextRun) -> str:
    zone = planned.job.zone
    start = planned.window.start.astimezone(zone).isoformat(sep=" ", timespec="minutes")
    if planned.not_before is None:
        return f"{planned.job.name}: the window of {start} waits until its spec is changed"
    at = planned.not_before.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return f"{planned.job.name}: the window of {start} is due at {at}"
