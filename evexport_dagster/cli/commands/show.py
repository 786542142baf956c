"""`evexport show`."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from evexport_dagster.cli.deliveries import delivery_grid, place_text
from evexport_dagster.cli.histories import (
    detail_document,
    drift_grid,
    revision_grid,
    window_grid,
)
from evexport_dagster.cli.options import example, name_argument, page_options, project_options
from evexport_dagster.cli.output import Output
from evexport_dagster.cli.rows import status_text
from evexport_dagster.cli.times import instant_text, window_text
from evexport_dagster.exports import ExportDetail, late_lines, load_project

_MOST_DELIVERIES = 40


@click.command(epilog=example("evexport show purchases", "evexport show purchases --page 2"))
@name_argument
@page_options(10)
@project_options
def command(name: str, folder: Path, out: Output, page: int, per_page: int) -> None:
    """Show the export NAME and its history: status, revisions, events, windows, failures.

    A page holds so many windows, the newest first, with all their deliveries.

    With --json: {"export": {as in `list`}, "stopped_at", "revisions": [{"revision", "created_at",
    "changes": [...]}], "events": [{"event", "segment"}], "windows": [{"window", "state", "rows",
    "begun": [{"event", "revision", "started_at"}], "failures": [{"kind", "message", "first_at",
    "last_at", "count"}]}], "receipts": [{"window", "event", "revision", "rows", "recorded_at",
    "reason", "oddities", "schema", "drift", "files": [...]}], "late": [{"window_start", "event",
    "rows", "noticed_at", "reopens"}], "page", "pages", "total"}. A reason is null, or `late_events`
    where a delivery was repeated for rows that came late; a schema is the hash of what records can
    hold; a drift is null, or {"added", "vanished", "returned", "changed": {property: [before,
    after]}} since the delivery before; `late` are rows that came late and are not delivered yet, or
    only reported.
    """
    with load_project(folder) as project:
        zone = project.settings.account.zone
        detail = project.show(name, page=page, per_page=per_page)
        place = place_text(detail.place, project.settings.folder)
    _say(detail, place, out, zone)
    out.document(detail_document(detail, zone))


def _say(detail: ExportDetail, place: str, out: Output, zone: ZoneInfo) -> None:
    _say_facts(detail, place, out, zone)
    _say_failure(detail, out, zone)
    if detail.revisions:
        out.title("Revisions")
        out.say(revision_grid(detail, zone))
    if detail.events:
        out.title("Events")
        out.say(*(event.name for event in detail.events))
    if detail.late:
        out.title("Late events")
        out.say(*late_lines(detail.late, zone))
    if detail.windows:
        out.title("Windows, the newest first")
        out.say(window_grid(detail, zone))
    if detail.receipts:
        out.title("Their deliveries")
        out.say(delivery_grid(detail.receipts[:_MOST_DELIVERIES], zone))
        changes = drift_grid(detail, zone)
        if changes.rows:
            out.title("What changed since the deliveries before")
            out.say(changes)
    more = len(detail.receipts) - _MOST_DELIVERIES
    if more > 0:
        out.say(f"... and {more:,} more: --json has them all.")
    if detail.pages > 1:
        last = detail.pages
        out.say("", f"Page {detail.page} of {last}: {detail.total:,} windows in all (--page).")


def _say_facts(detail: ExportDetail, place: str, out: Output, zone: ZoneInfo) -> None:
    row, last = detail.row, detail.row.last_delivered
    stopped = f" for ever, on {instant_text(detail.stopped_at, zone)}" if detail.stopped_at else ""
    facts = {
        "Status": f"{status_text(row)}{stopped}",
        "Export id": "" if row.export_id is None else str(row.export_id),
        "Type": f"{row.type}, {row.format}, {row.frequency}",
        "Delivers to": f"{place} ({row.partner})",
        "Last delivered": "" if last is None else window_text(last, zone),
    }
    out.say(row.name, style="bold")
    out.say(*(f"{label:16}{text}" for label, text in facts.items() if text))


def _say_failure(detail: ExportDetail, out: Output, zone: ZoneInfo) -> None:
    failure = detail.row.last_failure
    if failure is None:
        return
    window = instant_text(failure.window_start, zone)
    out.title("Last failure")
    out.say(
        f"{instant_text(failure.last_at, zone)} ({failure.kind}, {failure.count} times in the"
        f" window of {window})"
    )
    out.say(failure.message, style="red")
