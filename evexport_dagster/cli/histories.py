"""The history of an export as a document and as tables."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from evexport_dagster.cli.deliveries import file_document, window_of
from evexport_dagster.cli.output import Document, Grid
from evexport_dagster.cli.rows import failure_document, row_document
from evexport_dagster.cli.times import instant_text, iso, window_document, window_text
from evexport_dagster.exports import LATE_ROWS, ExportDetail, WindowHistory
from evexport_dagster.ledger import Late, Receipt, totals_of
from evexport_dagster.record_schema import Drift
from evexport_dagster.text import size_text


def detail_document(detail: ExportDetail, zone: ZoneInfo) -> Document:
    """`{"export", "stopped_at", "revisions", "events", "windows", "receipts", "late", "page",
    "pages", "total"}`."""
    return {
        "export": row_document(detail.row, zone),
        "stopped_at": None if detail.stopped_at is None else iso(detail.stopped_at, zone),
        "revisions": [
            {
                "revision": it.number,
                "created_at": iso(it.created_at, zone),
                "changes": list(detail.changes.get(it.number, ())),
            }
            for it in detail.revisions
        ],
        "events": [{"event": it.name, "segment": it.segment} for it in detail.events],
        "windows": [_window_document(it, zone) for it in detail.windows],
        "receipts": [_receipt_document(it, detail.drift(it), zone) for it in detail.receipts],
        "late": [_late_document(it, zone) for it in detail.late],
        "page": detail.page,
        "pages": detail.pages,
        "total": detail.total,
    }


def revision_grid(detail: ExportDetail, zone: ZoneInfo) -> Grid:
    """A line for each revision, and one more for each further thing that it changed."""
    rows: list[tuple[str, ...]] = []
    for it in detail.revisions:
        first, *more = detail.changes.get(it.number) or ("",)
        rows.append((str(it.number), instant_text(it.created_at, zone), first))
        rows += [("", "", line) for line in more]
    return Grid(("Revision", "Created", "Changed"), tuple(rows), frozenset({"Revision"}))


def window_grid(detail: ExportDetail, zone: ZoneInfo) -> Grid:
    """A line for each window of the page."""
    rows = []
    for it in detail.windows:
        totals = totals_of(it.receipts)
        recorded = max((receipt.recorded_at for receipt in it.receipts), default=None)
        numbers = (len(it.receipts), totals.rows, totals.files)
        cells = (*(f"{number:,}" for number in numbers), size_text(totals.bytes))
        rows.append(
            (window_text(it.window, zone), _state_text(it), *cells, instant_text(recorded, zone))
        )
    columns = ("Window", "State", "Events", "Rows", "Files", "Size", "Delivered")
    return Grid(columns, tuple(rows), frozenset({"Events", "Rows", "Files", "Size"}))


def drift_grid(detail: ExportDetail, zone: ZoneInfo) -> Grid:
    """A line for each delivery of the page in which properties changed."""
    rows = (
        (window_text(window_of(receipt), zone), receipt.event, drift.in_words())
        for receipt in detail.receipts
        if (drift := detail.drift(receipt))
    )
    return Grid(("Window", "Event", "Properties"), tuple(rows))


def _state_text(window: WindowHistory) -> str:
    kinds = sorted({failure.kind for failure in window.failures})
    return f"{window.state}: {', '.join(kinds)}" if kinds else window.state


def _window_document(window: WindowHistory, zone: ZoneInfo) -> Document:
    return {
        "window": window_document(window.window, zone),
        "state": window.state,
        "rows": sum(receipt.rows for receipt in window.receipts),
        "begun": [
            {"event": it.event, "revision": it.revision, "started_at": iso(it.started_at, zone)}
            for it in window.attempts
        ],
        "failures": [failure_document(it, zone) for it in window.failures],
    }


def _receipt_document(receipt: Receipt, drift: Drift | None, zone: ZoneInfo) -> Document:
    return {
        "window": window_document(window_of(receipt), zone),
        "event": receipt.event,
        "revision": receipt.revision,
        "rows": receipt.rows,
        "recorded_at": iso(receipt.recorded_at, zone),
        "reason": "late_events" if LATE_ROWS in receipt.oddities else None,
        "oddities": dict(receipt.oddities),
        "schema": receipt.schema_hash,
        "drift": None if drift is None else drift.as_json(),
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
