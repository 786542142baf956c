"""`evexport show`."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from evexport_dagster.cli.deliveries import (
    delivery_grid,
    file_document,
    place_text,
    window_of,
)
from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Document, Grid, Output
from evexport_dagster.cli.rows import row_document, status_text
from evexport_dagster.cli.times import instant_text, iso, window_document, window_text
from evexport_dagster.exports import LATE_ROWS, ExportDetail, late_lines, load_project
from evexport_dagster.ledger import Late, Receipt


@click.command(epilog=example("evexport show purchases"))
@name_argument
@project_options
def command(name: str, folder: Path, out: Output) -> None:
    """Show the export NAME: its status, revisions, events, newest deliveries and last failure.

    With --json: {"export": {as in `list`}, "revisions": [{"revision", "created_at"}], "events":
    [{"event", "segment"}], "receipts": [{"window", "event", "revision", "rows", "recorded_at",
    "reason", "oddities", "files": [...]}], "late": [{"window_start", "event", "rows",
    "noticed_at", "reopens"}]}. A reason is null, or `late_events` where a delivery was repeated
    for rows that came late; `late` are such rows that are not delivered yet, or only reported.
    """
    with load_project(folder) as project:
        zone = project.settings.account.zone
        detail = project.show(name)
        destination = project.in_force(name).destination
    _say(detail, place_text(destination), out, zone)
    out.document(_document(detail, zone))


def _document(detail: ExportDetail, zone: ZoneInfo) -> Document:
    return {
        "export": row_document(detail.row, zone),
        "revisions": [
            {"revision": it.number, "created_at": iso(it.created_at, zone)}
            for it in detail.revisions
        ],
        "events": [{"event": it.name, "segment": it.segment} for it in detail.events],
        "receipts": [_receipt_document(receipt, zone) for receipt in detail.receipts],
        "late": [_late_document(late, zone) for late in detail.late],
    }


def _receipt_document(receipt: Receipt, zone: ZoneInfo) -> Document:
    return {
        "window": window_document(window_of(receipt), zone),
        "event": receipt.event,
        "revision": receipt.revision,
        "rows": receipt.rows,
        "recorded_at": iso(receipt.recorded_at, zone),
        "reason": "late_events" if LATE_ROWS in receipt.oddities else None,
        "oddities": dict(receipt.oddities),
        "files": [{"instance": it.instance, **file_document(it)} for it in receipt.files],
    }


def _late_document(late: Late, zone: ZoneInfo) -> Document:
    return {
        "window_start": iso(late.window_start, zone),
        "event": late.event,
        "rows": late.rows,
        "noticed_at": iso(late.noticed_at, zone),
        "reopens": late.reopens,
    }


def _say(detail: ExportDetail, place: str, out: Output, zone: ZoneInfo) -> None:
    row = detail.row
    last = row.last_delivered
    facts = {
        "Status": status_text(row),
        "Export id": "" if row.export_id is None else str(row.export_id),
        "Type": f"{row.type}, {row.format}, {row.frequency}",
        "Delivers to": f"{place} ({row.partner})",
        "Last delivered": "" if last is None else window_text(last, zone),
    }
    out.say(row.name, style="bold")
    out.say(*(f"{label:16}{text}" for label, text in facts.items() if text))
    if row.last_failure is not None:
        failure = row.last_failure
        window = instant_text(failure.window_start, zone)
        out.title("Last failure")
        out.say(
            f"{instant_text(failure.last_at, zone)} ({failure.kind}, {failure.count} times in the"
            f" window of {window})"
        )
        out.say(failure.message, style="red")
    if detail.revisions:
        revisions = tuple(
            (str(it.number), instant_text(it.created_at, zone)) for it in detail.revisions
        )
        out.title("Revisions")
        out.say(Grid(("Revision", "Created"), revisions, frozenset({"Revision"})))
    if detail.events:
        out.title("Events")
        out.say(*(event.name for event in detail.events))
    if detail.late:
        out.title("Late events")
        out.say(*late_lines(detail.late, zone))
    if detail.receipts:
        out.title("Newest deliveries")
        out.say(delivery_grid(detail.receipts, zone))
