"""A preview: a plan that is never delivered, shown on real rows; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evexport_dagster.columns import EventColumns, KnownNames, event_columns
from evexport_dagster.errors import RefusedError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.registration import registered
from evexport_dagster.formats import FORMATS
from evexport_dagster.ledger import ColumnList, RegisteredExport
from evexport_dagster.plan import PlannedEvent, WindowPlan
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.stage import check_predicate
from evexport_dagster.query.window import StagedWindow, stage_window
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
    """
    export = registered(context, job.name)
    with context.lake(job.spec.source) as (con, lake):
        check_predicate(con, job.spec.where)
        end = job.end or context.clock()
        found = event_names(con, job.start, end) if job.start < end else ()
        names = _names(context, job, [name for name, _ in found])
        window = _window(context, job, [first for n, first in found if n in names], window_start)
        plan = WindowPlan(
            account=context.settings.account,
            export_id=export.export_id if export else int(context.clock().timestamp()),
            revision=export.revision.number if export else 1,
            spec=job.spec,
            window=window,
            events=_planned(context, export, names),
        )
        if event is not None and event not in names:
            raise RefusedError(f"export {job.name!r} has no event {event!r}; it has {names[:20]}")
        shape = RecordShape(job.spec, FORMATS[job.spec.format], window, job.zone)
        staged = stage_window(con, lake, shape, plan.names)
        staged.join()
        columns = _columns(context, job, export, staged)
        shown = [n for n in names if event in (None, n)]
        return Preview(
            export=job.name,
            export_id=plan.export_id,
            provisional=export is None,
            window=window,
            deliveries=tuple(_deliveries(context, job, plan, staged, shown)),
            columns={name: shape.labels(columns[name]) for name in shown},
            records={name: _records(staged, names.index(name), columns, rows) for name in shown},
        )


def _names(context: Context, job: ExportJob, found: Sequence[str]) -> list[str]:
    if job.listed_events is not None:
        return list(job.listed_events)
    if job.spec.events.select == "system":
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


def _columns(
    context: Context, job: ExportJob, export: RegisteredExport | None, staged: StagedWindow
) -> dict[str, EventColumns]:
    """The columns as a delivery would commit them: those of the ledger, then what is new."""
    lists = context.ledger.events.columns(export.export_id) if export else {}
    columns = {}
    for name, survey in zip(staged.events, staged.surveys, strict=True):
        held = lists.get(name, ColumnList(name, 0, (), 0))
        names = tuple(dict.fromkeys([*held.names, *survey.names]))
        first = len(held.names) if held.version else len(names)
        at_creation = held.at_creation if export else len(names)
        columns[name] = event_columns(
            job.spec.events.choice(name), KnownNames(names, at_creation, at_first=first)
        )
    return columns


def _deliveries(
    context: Context,
    job: ExportJob,
    plan: WindowPlan,
    staged: StagedWindow,
    shown: Sequence[str],
) -> list[PreviewDelivery]:
    limit = context.settings.runtime.max_rows_per_file
    prefix = context.store(job).prefix
    deliveries = []
    for planned, survey in zip(plan.events, staged.surveys, strict=True):
        if planned.name not in shown:
            continue
        for instance, rows in sorted(survey.rows.items()):
            files = range(-(-rows // limit))
            keys = tuple(plan.key(planned, instance, index, prefix) for index in files)
            deliveries.append(PreviewDelivery(planned.name, instance, rows, keys))
    return deliveries


def _records(
    staged: StagedWindow, event: int, columns: Mapping[str, EventColumns], rows: int
) -> tuple[str, ...]:
    if not staged.surveys[event].rows or rows < 1:
        return ()
    batches = staged.records(event, columns[staged.events[event]], rows)
    return tuple(line.rstrip("\n") for b in batches for line in b.column(1).to_pylist())[:rows]
