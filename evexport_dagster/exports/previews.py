"""A preview: a plan that is never delivered, shown on real rows; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import maxsize

from evexport_dagster.columns import ColumnPlan, KnownNames
from evexport_dagster.errors import RefusedError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.registration import registered
from evexport_dagster.exports.rows import WindowSource, look
from evexport_dagster.formats import shown_as
from evexport_dagster.ledger import RegisteredExport
from evexport_dagster.plan import PlannedEvent, WindowPlan
from evexport_dagster.query.arrange import arrange
from evexport_dagster.query.privacy import refuse_forbidden
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.survey import EventSurvey
from evexport_dagster.query.window import WindowRows
from evexport_dagster.source import event_names
from evexport_dagster.text import assign_segment
from evexport_dagster.windows import Window, window_containing


@dataclass(frozen=True)
class PreviewDelivery:
    """The files that one event of one instance would become."""

    event: str
    instance: int
    rows: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What a window would become: paths, the columns and some records of each event.

    Before creation the export id is a `provisional` one. `records` holds the text of records as
    the files would have it.
    """

    export: str
    export_id: int
    provisional: bool
    window: Window
    deliveries: tuple[PreviewDelivery, ...]
    columns: Mapping[str, tuple[str, ...]]
    records: Mapping[str, tuple[str, ...]]


def preview(
    context: Context,
    job: ExportJob,
    event: str | None,
    rows: int,
    window_start: datetime | None,
) -> Preview:
    """The preview of the window that holds `window_start`, else of the first one with events.

    Raises:
        RefusedError: there is no such event, or no ended window with events.
        SourceError: the source does not fit.
        SpecError: something would be exported that `pii.forbid` names.
    """
    export = registered(context, job.name)
    with context.scratch("preview") as folder, context.lake(job.spec.source) as (con, lake):
        look(con, lake, job)
        arrange(con, lake, job.spec, job.source_events)
        layout = job.spec.files_as
        end = job.end or context.clock()
        found = event_names(con, job.start, end) if job.start < end else ()
        names = _names(context, job, [name for name, _ in found])
        window = _window(context, job, [first for n, first in found if n in names], window_start)
        plan = _plan(context, job, export, window, names)
        WindowSource(context, job, export, window).ready(con, lake, folder)
        if event is not None and event not in names:
            raise RefusedError(f"export {job.name!r} has no event {event!r}; it has {names[:20]}")
        shape = RecordShape(
            job.spec, shown_as(layout, job.spec.format), window, job.zone, plan.names
        )
        plans = _column_plans(context, job, export, plan.names)
        whole = WindowRows(con, lake, shape, plans)
        whole.read()
        refuse_forbidden(whole)
        settled = [
            it.settled(survey.names) for it, survey in zip(plans, whole.surveys, strict=True)
        ]
        columns = {name: it.columns() for name, it in zip(plan.names, settled, strict=True)}
        shown = [n for n in names if event in (None, n)]
        return Preview(
            export=job.name,
            export_id=plan.export_id,
            provisional=export is None,
            window=window,
            deliveries=tuple(_deliveries(context, job, plan, whole.surveys, shown)),
            columns={name: shape.labels(columns[name]) for name in shown},
            records=_records(WindowRows(con, lake, shape, settled), whole.surveys, shown, rows),
        )


def _plan(
    context: Context,
    job: ExportJob,
    export: RegisteredExport | None,
    window: Window,
    names: Sequence[str],
) -> WindowPlan:
    """The plan that a delivery would have; before creation with a provisional id."""
    return WindowPlan(
        account=context.settings.account,
        export_id=export.export_id if export else int(context.clock().timestamp()),
        revision=export.revision.number if export else 1,
        spec=job.spec,
        window=window,
        events=_planned(context, export, names),
        source_events=job.source_events,
    )


def _names(context: Context, job: ExportJob, found: Sequence[str]) -> list[str]:
    if job.listed_events is not None:
        return list(job.listed_events)
    if job.spec.series.select == "system":
        return [name for name in found if context.settings.catalog.is_system(name)]
    return list(found)


def _window(
    context: Context, job: ExportJob, firsts: Sequence[datetime], wanted: datetime | None
) -> Window:
    if wanted is not None:
        return window_containing(wanted, job.cadence, job.zone)
    if firsts:
        window = window_containing(min(firsts), job.cadence, job.zone)
        if window.end <= context.clock():
            return window
    raise RefusedError(
        f"export {job.name!r} has no ended window with events yet: the source has none of its"
        f" events between {job.first_day} and now"
    )


def _planned(
    context: Context, export: RegisteredExport | None, names: Sequence[str]
) -> tuple[PlannedEvent, ...]:
    known = context.ledger.events.of(export.export_id) if export else ()
    segments = {it.name: it.segment for it in known}
    for name in names:
        if name not in segments:
            segments[name] = assign_segment(name, segments.values())
    return tuple(PlannedEvent(name, segments[name]) for name in names)


def _column_plans(
    context: Context, job: ExportJob, export: RegisteredExport | None, names: Sequence[str]
) -> list[ColumnPlan]:
    """What the columns of events would follow from in a delivery."""
    if export is None:
        known = dict.fromkeys(names, KnownNames((), at_creation=maxsize))
    else:
        known = _known_names(context, export, names)
    choices = {name: job.spec.series.choice(name) for name in names}
    return [
        ColumnPlan(choices[name], it, choices[name].schema_updates == "append" or not it.names)
        for name, it in known.items()
    ]


def _known_names(
    context: Context, export: RegisteredExport, names: Sequence[str]
) -> dict[str, KnownNames]:
    """The names of each event's newest list; none of an event that is not registered yet."""
    events, export_id = context.ledger.events, export.export_id
    held = {name: it for name, it in events.columns(export_id).items() if it.names}
    firsts = events.columns(export_id, dict.fromkeys(held, 1))
    return {
        name: KnownNames(held[name].names, held[name].at_creation, len(firsts[name].names))
        if name in held
        else KnownNames(())
        for name in names
    }


def _deliveries(
    context: Context,
    job: ExportJob,
    plan: WindowPlan,
    surveys: Sequence[EventSurvey],
    shown: Sequence[str],
) -> list[PreviewDelivery]:
    layout = job.spec.files_as
    limit = layout.rows_per_file(context.settings.runtime.max_rows_per_file)
    prefix = context.store(job).prefix
    deliveries = []
    for planned, survey in zip(plan.events, surveys, strict=True):
        if planned.name not in shown:
            continue
        for instance, rows in sorted(survey.rows.items()):
            files = range(-(-rows // limit))
            keys = tuple(plan.key(planned, instance, index, prefix) for index in files)
            deliveries.append(PreviewDelivery(planned.name, instance, rows, keys))
    return deliveries


def _records(
    window: WindowRows, surveys: Sequence[EventSurvey], shown: Sequence[str], rows: int
) -> dict[str, tuple[str, ...]]:
    """The first records of each event that is shown; reads no further than it must."""
    numbers = [window.shape.events.index(name) for name in shown]
    missing = {it: min(max(rows, 0), sum(surveys[it].rows.values())) for it in numbers}
    lines: dict[int, list[str]] = {number: [] for number in numbers}
    batches = window.records()
    while any(missing.values()):
        event, _, batch = next(batches)
        if missing.get(event):
            lines[event] += batch[: missing[event]].to_pylist()
            missing[event] -= min(len(batch), missing[event])
    batches.close()
    return {
        name: tuple(line.rstrip("\n") for line in lines[number])
        for name, number in zip(shown, numbers, strict=True)
    }
