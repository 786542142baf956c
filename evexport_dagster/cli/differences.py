"""What a consumer of legacy files has to change, as a document and for people."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from evexport_dagster.cli.output import Document, Grid, Output
from evexport_dagster.cli.times import window_document, window_text
from evexport_dagster.exports import EventChanges, LayoutDifference
from evexport_dagster.text import counted

_MOST_SHOWN = 40


def difference_document(difference: LayoutDifference, zone: ZoneInfo) -> Document:
    """`{"export", "window", "files": {"legacy", "now"}, "events": {event: {"rows", "columns",
    "fields", "values"}}}`."""
    return {
        "export": difference.export,
        "window": window_document(difference.window, zone),
        "files": {"legacy": difference.legacy_key, "now": difference.key},
        "events": {
            it.event: {
                "rows": it.rows,
                "columns": {"legacy": list(it.legacy_columns), "now": list(it.columns)},
                "fields": [
                    {
                        "legacy": field.legacy,
                        "now": field.now,
                        "types": {"legacy": field.legacy_type, "now": field.now_type},
                        "examples": {"legacy": field.legacy_example, "now": field.now_example},
                    }
                    for field in it.fields
                ],
                "values": [
                    {
                        "property": value.property,
                        "legacy": value.legacy,
                        "now": value.now,
                        "rows": value.rows,
                    }
                    for value in it.values
                ],
            }
            for it in difference.events
        },
    }


def say_difference(difference: LayoutDifference, out: Output, zone: ZoneInfo) -> None:
    """Shows the names of files, then fields and values of each event."""
    out.say(f"Window  {window_text(difference.window, zone)}")
    out.say(f"File    {difference.legacy_key}", f"now     {difference.key}")
    for event in difference.events:
        out.title(f"{event.event} ({counted(event.rows, 'row')})")
        _say_event(event, out)


def _say_event(event: EventChanges, out: Output) -> None:
    rows = tuple(
        (
            field.legacy,
            field.now or "(not exported)",
            field.legacy_type,
            field.now_type,
            _short(field.legacy_example),
            _short(field.now_example),
        )
        for field in event.fields
        if field.is_change
    )
    columns = ("Legacy field", "Now", "Legacy type", "Type", "Legacy example", "Example")
    out.say(Grid(columns, rows))
    same = len(event.fields) - len(rows)
    if same:
        out.say(f"{counted(same, 'field')} the same")
    if event.values:
        changed = tuple((it.property, it.legacy, it.now, f"{it.rows:,}") for it in event.values)
        grid = Grid(("Property", "Legacy value", "Now", "Rows"), changed, frozenset({"Rows"}))
        out.say("", grid)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."
