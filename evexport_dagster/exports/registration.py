"""Creation and revisions: an export does not change silently."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from evexport_dagster.columns import needs_names_at_creation
from evexport_dagster.errors import RefusedError, RevisionError, SpecError, StoppedError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.discovery import register_events, takes
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.rows import look, refuse_beside_recurring
from evexport_dagster.ledger import NewExport, RegisteredExport
from evexport_dagster.naming import Reach, could_meet
from evexport_dagster.plan import naming_of
from evexport_dagster.query.arrange import arrange
from evexport_dagster.source import event_names, property_names
from evexport_dagster.spec.dates import check_dates
from evexport_dagster.spec.model import OneTime, Recurring
from evexport_dagster.spec.revisions import (
    difference,
    fingerprint,
    locked_changes,
    meaning,
    restored,
    stored,
)
from evexport_dagster.text import assign_segment
from evexport_dagster.windows import day_start


@dataclass(frozen=True)
class Edited:
    """An export after an edit, and what the edit changed, a line each."""

    export: RegisteredExport
    difference: tuple[str, ...]


def create(context: Context, jobs: Sequence[ExportJob]) -> tuple[RegisteredExport, ...]:
    """Register an export and the one of its history: all of them, or none.

    Raises:
        SpecError: a day cannot be exported today, the source or the predicate does not fit, or
            another export could write the same keys.
        RefusedError: a stopped export had the name, or profiles are exported regularly already.
    """
    now = context.clock()
    check_creation(context, jobs[0], now)
    refuse_beside_recurring(context, jobs[0])
    with context.lake(jobs[0].spec.source) as (con, lake):
        look(con, lake, jobs[0])
        arrange(con, lake, jobs[0].spec, jobs[0].source_events)
        names = _names_now(context, jobs, con, now)
        decided = [n for n in names if needs_names_at_creation(jobs[0].spec.series.choice(n))]
        columns = property_names(con, decided) if decided else {}
    events = _with_segments(names)
    new = [_new_export(context, job, events, columns) for job in jobs]
    _refuse_meetings(context, jobs, now)
    return context.ledger.exports.create(new, now)


def edit(context: Context, job: ExportJob) -> Edited:
    """Register the changed spec as the next revision, effective from the next run.

    Raises:
        RefusedError: nothing changed, or the export cannot be edited.
        RevisionError: something changed that never can.
    """
    export = registered(context, job.name)
    if export is None:
        raise RefusedError(f"export {job.name!r} is not registered: `evexport create {job.name}`")
    if job.kind != "recurring" or export.state != "active":
        state = export.state if export.state != "active" else job.kind.replace("_", "-")
        raise RefusedError(f"export {job.name!r} cannot be edited: it is {state}")
    old, new = _meaning_of(export), meaning(job.spec, context.settings)
    lines = difference(old, new)
    if not lines:
        raise RefusedError(f"export {job.name!r}: the spec means what it meant; nothing to edit")
    if locked := locked_changes(old, new):
        raise RevisionError("\n".join([f"export {job.name!r} cannot be changed so:", *locked]))
    with context.lake(job.spec.source) as (con, lake):
        look(con, lake, job)
    now = context.clock()
    _refuse_meetings(context, [job], now)
    context.ledger.exports.add_revision(
        job.name, _text(context, job), fingerprint(new), export.revision.number, now
    )
    edited = registered(context, job.name)
    assert edited is not None
    if job.listed_events is not None:
        register_events(context, edited, [(name, None) for name in job.listed_events])
    return Edited(edited, tuple(lines))


def registered(context: Context, name: str) -> RegisteredExport | None:
    """The export of this name, where it is registered; makes no ledger."""
    return context.ledger.exports.get(name) if context.has_ledger else None


def ensure_current(context: Context, jobs: Sequence[ExportJob], job: ExportJob) -> RegisteredExport:
    """The registered export that `job` asks for; created now if it is new.

    Raises:
        RevisionError: the spec means something else than the registered revision.
        StoppedError: the export is stopped.
    """
    export = registered(context, job.name)
    if export is None:
        create(context, [it for it in jobs if registered(context, it.name) is None])
        export = registered(context, job.name)
        assert export is not None
    if export.state == "stopped":
        raise StoppedError(f"export {job.name!r} is stopped, for ever; its name is not used again")
    new = meaning(job.spec, context.settings)
    if export.revision.fingerprint != fingerprint(new):
        lines = difference(_meaning_of(export), new)
        title = (
            f"{job.file.name}: the spec differs from revision {export.revision.number},"
            f" which stays in force; `evexport edit {job.name}` registers the change:"
        )
        raise RevisionError("\n".join([title, *(f"  {line}" for line in lines)]))
    return export


def check_creation(context: Context, job: ExportJob, now: datetime) -> None:
    """Raise SpecError where the days of a spec cannot be exported now."""
    today = now.astimezone(job.zone).date()
    faults = check_dates(job.spec, today, context.settings.runtime.history_limit)
    if faults:
        raise SpecError(f"{job.file.name} cannot be created today", faults)


def _names_now(
    context: Context, jobs: Sequence[ExportJob], con: Any, now: datetime
) -> tuple[str, ...]:
    job = jobs[0]
    if job.listed_events is not None:
        return job.listed_events
    first = min(job.start for job in jobs)
    found = [name for name, _ in event_names(con, first, job.end or now)]
    return tuple(name for name in found if takes(context, job, name))


def _with_segments(names: Iterable[str]) -> list[tuple[str, str]]:
    segments: dict[str, str] = {}
    for name in names:
        segments[name] = assign_segment(name, segments.values())
    return list(segments.items())


def _new_export(
    context: Context,
    job: ExportJob,
    events: Sequence[tuple[str, str]],
    columns: dict[str, tuple[str, ...]],
) -> NewExport:
    return NewExport(
        name=job.name,
        type=job.spec.type,
        kind=job.kind,
        meaning=_text(context, job),
        fingerprint=fingerprint(meaning(job.spec, context.settings)),
        events=events,
        columns=columns,
    )


def _text(context: Context, job: ExportJob) -> str:
    """What the ledger keeps of a revision: its meaning to compare, its spec to run, and the list
    of events that is frozen in it."""
    held: dict[str, Any] = {
        "meaning": meaning(job.spec, context.settings),
        "spec": stored(job.spec),
    }
    if job.spec.series.select == "engagement":
        held["engagement"] = list(job.engagement)
    return json.dumps(held, ensure_ascii=False, sort_keys=True)


def _meaning_of(export: RegisteredExport) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(export.revision.meaning)["meaning"]
    return held


def _refuse_meetings(context: Context, jobs: Sequence[ExportJob], now: datetime) -> None:
    """Refuse an export that could write a key of another one."""
    own = {job.name for job in jobs}
    everyone = context.ledger.exports.registered()
    ids = {it.name: it.export_id for it in everyone}
    others = [it for it in everyone if it.name not in own]
    free = next(second for second in count(int(now.timestamp())) if second not in ids.values())
    for job in jobs:
        reach = _reach(context, job, ids.get(job.name, free))
        place = meaning(job.spec, context.settings)["destination"]
        for other in others:
            held = _meaning_of(other)
            if _bucket(held["destination"]) != _bucket(place):
                continue
            if could_meet(reach, _reach_of(context, other, held)):
                raise SpecError(
                    f"export {job.name!r} could write the same files as {other.name!r}: give it"
                    " a folder of its own, or put {{export-id}} into its folder or file name"
                )


def _bucket(destination: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in destination.items() if key not in ("name", "prefix")}


def _reach(context: Context, job: ExportJob, export_id: int) -> Reach:
    events = job.listed_events
    return Reach(
        naming=naming_of(job.spec),
        account_id=context.settings.account.id,
        export_id=export_id,
        events=None if events is None else frozenset(s for _, s in _with_segments(events)),
        first=int(job.start.timestamp()) + 1,
        last=None if job.end is None else int(job.end.timestamp()),
        prefix=context.store(job).prefix,
    )


def _reach_of(context: Context, other: RegisteredExport, held: dict[str, Any]) -> Reach:
    spec = restored(json.loads(other.revision.meaning)["spec"])
    fixed = isinstance(spec.series.select, tuple) or spec.series.select == "engagement"
    segments = frozenset(e.segment for e in context.ledger.events.of(other.export_id))
    prefix = held["destination"].get("prefix")
    first, last = _days(spec.schedule)
    zone = ZoneInfo(held["account"]["timezone"])
    return Reach(
        naming=naming_of(spec),
        account_id=held["account"]["id"],
        export_id=other.export_id,
        events=segments if fixed else None,
        first=_timestamp(first, zone) + 1,
        last=None if last is None else _timestamp(last + timedelta(days=1), zone),
        prefix=f"{prefix}/" if prefix else "",
    )


def _days(schedule: Recurring | OneTime) -> tuple[date, date | None]:
    """The first day of a schedule, and the last one where there is one."""
    if isinstance(schedule, Recurring):
        return schedule.start, None
    return schedule.from_, schedule.to


def _timestamp(day: date, zone: ZoneInfo) -> int:
    return int(day_start(day, zone).timestamp())
