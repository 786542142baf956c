"""The state of exports as documents."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from evexport_dagster.cli.output import Document
from evexport_dagster.cli.times import iso, window_document
from evexport_dagster.exports import ExportRow
from evexport_dagster.ledger import Failure


def row_document(row: ExportRow, zone: ZoneInfo) -> Document:
    """`{"export", "export_id", "type", "format", "partner", "status", "frequency",
    "last_delivered": [start, end], "last_failure"}`; null is what is not there yet."""
    last = row.last_delivered
    return {
        "export": row.name,
        "export_id": row.export_id,
        "type": row.type,
        "format": row.format,
        "partner": row.partner,
        "status": row.status,
        "frequency": row.frequency,
        "last_delivered": None if last is None else window_document(last, zone),
        "last_failure": failure_document(row.last_failure, zone) if row.last_failure else None,
    }


def status_text(row: ExportRow) -> str:
    """The status of an export; one that is not registered has none yet."""
    return row.status or "not created"


def failure_document(failure: Failure, zone: ZoneInfo) -> Document:
    """`{"kind", "message", "window_start", "first_at", "last_at", "count"}`."""
    return {
        "kind": failure.kind,
        "message": failure.message,
        "window_start": iso(failure.window_start, zone),
        "first_at": iso(failure.first_at, zone),
        "last_at": iso(failure.last_at, zone),
        "count": failure.count,
    }
