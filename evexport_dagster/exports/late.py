"""Late events: rows that became visible after their window was exported.

Noticed by what the source has now, against what the receipts say that it had: a row that arrived
after a delivery's watermark, or more rows, whenever they arrived (product contract, section 6).
Fewer rows are no late event: a lake that forgets old rows must not empty what was delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

import duckdb

from evexport_dagster.exports import discovery
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import Event, Late, RegisteredExport, Seen
from evexport_dagster.query.arrange import arrange, name_column
from evexport_dagster.query.arrivals import Arrivals, arrivals, windows_with_arrivals
from evexport_dagster.source import Lake
from evexport_dagster.text import counted
from evexport_dagster.windows import Window

LATE_ROWS: Final = "late_rows"
"""How many rows had come late, in the receipt of the delivery that has them."""

OVERLAP: Final = timedelta(hours=1)
"""Rows can become visible in another order than they arrived in: so much is looked at again."""


_NAMED: Final = 5


@dataclass(frozen=True)
class LateLook:
    """What a look for late events found; `note` says why there was none.

    `seen_to` is the latest arrival in the windows that are watched, as far as it was looked at:
    where the next look may begin.
    """

    found: tuple[Late, ...] = ()
    seen_to: datetime | None = None
    note: str = ""


def look_lines(look: LateLook, zone: ZoneInfo) -> list[str]:
    """What a look found, a line a window; or why it found nothing."""
    return [look.note] if look.note else late_lines(look.found, zone)


def late_lines(found: Iterable[Late], zone: ZoneInfo) -> list[str]:
    """What came late, in order of windows, a line for each of them."""
    by_window = groupby(found, key=attrgetter("window_start"))
    return [_line(start, list(its), zone) for start, its in by_window]


def _line(start: datetime, found: Sequence[Late], zone: ZoneInfo) -> str:
    rows = counted(sum(it.rows for it in found), "row")
    names = ", ".join(repr(it.event) for it in found[:_NAMED]) + ", ..." * (len(found) > _NAMED)
    window = start.astimezone(zone).isoformat(sep=" ", timespec="minutes")
    does = "it is delivered again" if found[0].reopens else "reported, as its spec says"
    return f"{rows} of {names} came late for the window of {window}: {does}"


@dataclass(frozen=True)
class Looked:
    """How far late events of an export were looked for.

    Rows that arrived after `since`, less an overlap, are new; without it whole windows are counted.
    `at` is when that was: however long ago, windows are watched that could get rows since then.
    """

    since: datetime | None = None
    at: datetime | None = None


def look(
    context: Context, job: ExportJob, export: RegisteredExport, before: Looked = Looked()
) -> LateLook:
    """Look for late events of an export and keep what was found in the ledger.

    With the policy `replace` the deliveries are due again, and events that belong to a window
    before those that they were known of belong to it from now on.
    """
    if not watched(context, job, export, before):
        return LateLook(seen_to=before.since)
    with context.lake(job.spec.source) as (con, lake):
        return look_into(con, lake, context, job, export, before)


def watched(
    context: Context, job: ExportJob, export: RegisteredExport, before: Looked
) -> list[Window]:
    """The windows of an export that late events are looked for in: those that have ended and
    settled, as far back as its spec says."""
    if export.type != "events" or job.spec.late_events.policy == "ignore":
        return []
    if export.state == "stopped":
        return []
    now = context.clock()
    back_to = min(now, before.at or now) - job.spec.late_events.look_back
    return [it for it in job.between(back_to, now) if it.end + job.settle <= now]


def look_into(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    before: Looked,
) -> LateLook:
    """`look`, into a source that is open; its rows are arranged for this export afterwards."""
    windows, since = watched(context, job, export, before), before.since
    if not windows:
        return LateLook(seen_to=since)
    if "arrived_at" not in lake.event_columns:
        said = f"source {job.spec.source!r} has no arrived_at: late events are not noticed"
        return LateLook(note=said)
    arrange(con, lake, job.spec, job.source_events)
    newest = [] if since is None else windows_with_arrivals(con, windows, since - OVERLAP)
    touched = windows if since is None else [window for window, _ in newest]
    there = arrivals(con, touched, job.listed_events, job.spec.where, name_column(job.spec))
    found = _late(context, job, export, there)
    _keep(context, job, export, found)
    latest = [since, *(it.latest for it in there.values()), *(arrived for _, arrived in newest)]
    # What says that it arrives in years must not hide what does until then.
    seen_to = [min(it, context.clock()) for it in latest if it is not None]
    return LateLook(found, max(seen_to, default=None))


def _late(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    there: Mapping[tuple[datetime, str], Arrivals],
) -> tuple[Late, ...]:
    if not there:
        return ()
    starts = [start for start, _ in there]
    seen = context.ledger.windows.seen(export.export_id, min(starts), max(starts))
    events = {event.name: event for event in context.ledger.events.of(export.export_id)}
    found = []
    for (start, name), arrived in sorted(there.items()):
        rows = _late_rows(seen.get((start, name)), arrived, events.get(name), start)
        if rows and discovery.takes(context, job, name):
            reopens = job.spec.late_events.policy == "replace"
            found.append(Late(start, name, rows, context.clock(), reopens))
    return tuple(found)


def _late_rows(
    seen: Seen | None, arrived: Arrivals, event: Event | None, window_start: datetime
) -> int:
    """How many rows came late, at least; 0 where none did, or the delivery is due anyway."""
    if seen is None:
        belongs = event is not None and (
            event.first_window is None or event.first_window <= window_start
        )
        return 0 if belongs else arrived.rows
    if arrived.rows > seen.rows:
        return arrived.rows - seen.rows
    if arrived.latest is None or seen.watermark is None or arrived.rows < seen.rows:
        return 0
    return int(arrived.latest > seen.watermark)


def _keep(
    context: Context, job: ExportJob, export: RegisteredExport, found: Iterable[Late]
) -> None:
    known = {event.name for event in context.ledger.events.of(export.export_id)}
    if job.spec.late_events.policy == "replace":
        discovery.register_events(context, export, [(it.event, it.window_start) for it in found])
        known |= {it.event for it in found}
    kept = [it for it in found if it.event in known]
    if kept:
        context.ledger.late.note(export.export_id, kept)
