"""Which windows and events of an export are due, and which windows are complete."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from evexport_dagster.errors import RefusedError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import Event, RegisteredExport
from evexport_dagster.plan import Task
from evexport_dagster.windows import Window


def missing(
    context: Context, job: ExportJob, export: RegisteredExport, events: Sequence[str] | None
) -> tuple[Task, ...]:
    """A task for each ended window with events that were not delivered yet, in time order."""
    known = _chosen(context, job, export, events)
    counts = context.ledger.windows.delivered(export.export_id, job.start, job.listed_events)
    belonging = belonging_to(_chosen(context, job, export, None))
    ended = job.ended(context.clock())
    windows = [window for window in ended if counts[window.start] != belonging(window.start)]
    recorded: dict[datetime, set[str]] = defaultdict(set)
    starts = [window.start for window in windows]
    for start, event in context.ledger.deliveries.recorded(export.export_id, starts):
        recorded[start].add(event)
    tasks = []
    for window in windows:
        due = [event.name for event in known if _is_due(event, window, recorded[window.start])]
        if due:
            tasks.append(Task(job.name, window, tuple(due), again=False))
    return tuple(tasks)


def touched(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    range_: tuple[datetime | None, datetime | None],
    events: Sequence[str] | None,
) -> tuple[Task, ...]:
    """A task for each window that touches a range, whatever was delivered before."""
    windows = job.touching(*range_, context.clock())
    names = tuple(event.name for event in _chosen(context, job, export, events))
    return tuple(Task(job.name, window, names, again=True) for window in windows) if names else ()


def rest_of(
    context: Context, job: ExportJob, export: RegisteredExport, window: Window
) -> tuple[Task, ...]:
    """One task with the events of a window that were not delivered yet; none if all were."""
    pairs = context.ledger.deliveries.recorded(export.export_id, [window.start])
    recorded = {event for _, event in pairs}
    known = _chosen(context, job, export, None)
    due = tuple(event.name for event in known if _is_due(event, window, recorded))
    return (Task(job.name, window, due, again=False),) if due else ()


def is_complete(context: Context, job: ExportJob, export: RegisteredExport, window: Window) -> bool:
    """Whether every event that belongs to a window is delivered, and none is begun again."""
    pairs = context.ledger.deliveries.recorded(export.export_id, [window.start])
    recorded = {event for _, event in pairs}
    known = _chosen(context, job, export, None)
    return bool(recorded) and not any(_is_due(event, window, recorded) for event in known)


def belonging_to(events: Sequence[Event]) -> Callable[[datetime], int]:
    """How many of the events belong to a window, by its start."""
    always = sum(1 for event in events if event.first_window is None)
    later = sorted(event.first_window for event in events if event.first_window is not None)
    return lambda start: always + bisect_right(later, start)


def _is_due(event: Event, window: Window, recorded: set[str]) -> bool:
    appeared = event.first_window is None or event.first_window <= window.start
    return appeared and event.name not in recorded


def _chosen(
    context: Context, job: ExportJob, export: RegisteredExport, events: Sequence[str] | None
) -> list[Event]:
    known = list(context.ledger.events.of(export.export_id))
    if job.listed_events is not None:
        known = [event for event in known if event.name in job.listed_events]
    if events is None:
        return known
    strange = [name for name in events if name not in {event.name for event in known}]
    if strange:
        there = ", ".join(repr(event.name) for event in known[:20]) or "none yet"
        raise RefusedError(f"export {job.name!r} has no event {strange[0]!r}; it has {there}")
    return [event for event in known if event.name in events]
