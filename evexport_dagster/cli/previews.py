"""Previews as documents and for people."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from evexport_dagster.cli.output import Document, Grid, Output
from evexport_dagster.cli.times import window_document, window_text
from evexport_dagster.exports import Preview


def preview_document(preview: Preview, zone: ZoneInfo) -> Document:
    """`{"deliveries": [...], "columns": {event: [...]}, "records": {event: [...]}}`."""
    return {
        "deliveries": [
            {
                "export_id": preview.export_id,
                "provisional": preview.provisional,
                "window": window_document(preview.window, zone),
                "event": delivery.event,
                "instance": delivery.instance,
                "rows": delivery.rows,
                "keys": list(delivery.keys),
            }
            for delivery in preview.deliveries
        ],
        "columns": {event: list(names) for event, names in preview.columns.items()},
        "records": {event: list(lines) for event, lines in preview.records.items()},
    }


def say_preview(preview: Preview, out: Output, zone: ZoneInfo) -> None:
    """Shows paths and counts, then columns and records of each event."""
    note = " (provisional: the export is not created yet)" if preview.provisional else ""
    out.say(f"Window     {window_text(preview.window, zone)}")
    out.say(f"Export id  {preview.export_id}{note}")
    rows = tuple(
        (delivery.event, str(delivery.instance), f"{delivery.rows:,}", key)
        for delivery in preview.deliveries
        for key in delivery.keys
    )
    if not rows:
        out.say("", "No rows: nothing would be delivered.")
        return
    out.say("", Grid(("Event", "Instance", "Rows", "Path"), rows, frozenset({"Instance", "Rows"})))
    for event, columns in preview.columns.items():
        out.title(event)
        out.say(f"columns: {', '.join(columns)}")
        out.say(*preview.records.get(event, ()))
