"""Dagster's runs of exports: what they are for, and the end of those that cannot end themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

import dagster as dg

from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.exports import ExportJob, LastRun, NextRun, Project
from evexport_dagster.exports.holders import is_gone, is_here, new_holder
from evexport_dagster.windows import Window, window_from_key, window_key

EXPORT_TAG: Final = "evexport/export_id"
WINDOW_TAG: Final = "evexport/window"
PROCESS_TAG: Final = "evexport/process"
_LAUNCHED_TAG: Final = ".dagster/grpc_info"
_PRIORITY_TAG: Final = "dagster/priority"

_WAITING: Final = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
_AT_WORK: Final = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_ENDED: Final = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)

BEGIN: Final = dt.timedelta(minutes=10)
"""How long a run may take from its launch to its first step."""

SILENCE: Final = dt.timedelta(hours=1)
"""How long a run on another machine may be without a window: it may wait for one."""


def planned_tags(run: NextRun, export_id: int) -> dict[str, str]:
    """What tells a run of the planner: the export and the window that it is for."""
    return {
        EXPORT_TAG: str(export_id),
        WINDOW_TAG: window_key(run.window, run.job.zone),
        _PRIORITY_TAG: "10" if run.job.kind == "recurring" else "0",
    }


def planned_window(job: ExportJob, run: dg.DagsterRun) -> Window | None:
    """The window that the planner started a run for; None for a run that a person started."""
    key = run.tags.get(WINDOW_TAG)
    return None if key is None else window_from_key(key, job.cadence, job.zone)


def begin(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note which process a run is, so that others see when it is gone."""
    instance.add_run_tags(run.run_id, {PROCESS_TAG: new_holder(run.run_id)})


def unfinished(instance: dg.DagsterInstance, names: Iterable[str]) -> tuple[dg.RunRecord, ...]:
    """The runs of these exports that wait or are at work."""
    filters = dg.RunsFilter(statuses=[*_WAITING, *_AT_WORK])
    keys = set(map(asset_key, names))
    found = instance.get_run_records(filters)
    return tuple(it for it in found if keys & set(it.dagster_run.asset_selection or ()))


def is_of(run: dg.DagsterRun, name: str) -> bool:
    """Whether a run delivers an export, alone or among others."""
    return asset_key(name) in (run.asset_selection or ())


def last_run(instance: dg.DagsterInstance, job: ExportJob, export_id: int) -> LastRun | None:
    """The last run of the planner for an export that has ended."""
    filters = dg.RunsFilter(tags={EXPORT_TAG: str(export_id)}, statuses=list(_ENDED))
    records = instance.get_run_records(filters, limit=2)
    windows = [planned_window(job, it.dagster_run) for it in records]
    if not windows or windows[0] is None:
        return None
    last, window = records[0], windows[0]
    ended = last.end_time or last.update_timestamp.timestamp()
    return LastRun(
        run_id=last.dagster_run.run_id,
        window_start=window.start,
        ended_at=dt.datetime.fromtimestamp(ended, dt.UTC),
        at_once=last.dagster_run.status == dg.DagsterRunStatus.FAILURE
        and window not in windows[1:],
    )


def bury(
    project: Project, instance: dg.DagsterInstance, records: Iterable[dg.RunRecord]
) -> tuple[dg.DagsterRun, ...]:
    """Fail the runs whose process is gone, which Dagster would show at work for ever; gives the
    others."""
    living = []
    alive = project.unattended.runs_at_work()
    for record in records:
        run = record.dagster_run
        if is_dead(record, alive, dt.datetime.now(dt.UTC)):
            instance.report_run_failed(run, "The process of this run is gone: it was killed.")
        else:
            living.append(run)
    return tuple(living)


def is_dead(record: dg.RunRecord, alive: Mapping[str, bool], now: dt.datetime) -> bool:
    """Whether a run that is said to be at work is not; `alive` tells of the runs that hold, or
    held, a window whether their lease is kept up."""
    run = record.dagster_run
    if run.status in _WAITING:
        return False
    process = run.tags.get(PROCESS_TAG, "")
    if is_here(process):
        return is_gone(process)
    if run.run_id in alive:
        return not alive[run.run_id]
    limit = SILENCE if process else BEGIN
    return now - record.update_timestamp.astimezone(dt.UTC) > limit


def cancel(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """End a run of a stopped export; one that is delivering ends between two files anyway."""
    if run.status in _WAITING:
        instance.report_run_canceled(run, "The export is stopped for ever.")
    elif run.status != dg.DagsterRunStatus.CANCELING and _LAUNCHED_TAG in run.tags:
        instance.run_launcher.terminate(run.run_id)
