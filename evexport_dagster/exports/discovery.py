"""Events that are new in a source, for the exports that take them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import duckdb

from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import Event, RegisteredExport
from evexport_dagster.source import event_names
from evexport_dagster.text import assign_segment
from evexport_dagster.windows import window_containing


def discover(
    context: Context, job: ExportJob, export: RegisteredExport, since: datetime | None = None
) -> tuple[Event, ...]:
    """Register the events of the source that are new to an export which takes them; gives these."""
    if job.listed_events is not None:
        return ()
    with context.lake(job.spec.source) as (con, _):
        return discover_in(con, context, job, export, since)


def discover_in(
    con: duckdb.DuckDBPyConnection,
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    since: datetime | None = None,
) -> tuple[Event, ...]:
    """`discover`, in a source that is open."""
    known = {event.name for event in context.ledger.events.of(export.export_id)}
    found = event_names(con, since or job.start, job.end or context.clock())
    taken = [
        (name, window_containing(first, job.cadence, job.zone).start)
        for name, first in found
        if name not in known and takes(context, job, name)
    ]
    return register_events(context, export, taken)


def takes(context: Context, job: ExportJob, name: str) -> bool:
    """Whether an event of the source is one of an export's."""
    if job.listed_events is not None:
        return name in job.listed_events
    return job.spec.series.select == "all" or context.settings.catalog.is_system(name)


def register_events(
    context: Context, export: RegisteredExport, events: Iterable[tuple[str, datetime | None]]
) -> tuple[Event, ...]:
    """Give new events of an export their place and their path segment, for ever."""
    new = list(events)
    if not new:
        return ()
    return context.ledger.events.register(export.export_id, new, assign_segment, context.clock())
