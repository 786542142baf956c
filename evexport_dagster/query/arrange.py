"""The rows of a source as a layout wants them, arranged before anything else reads them.

A layout with one series sees one event, whatever the source calls its events. One that has session
properties sees them among those of the event, by their names in headers.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from evexport_dagster.query.stage import NAME_IN_SOURCE
from evexport_dagster.source import EVENTS_VIEW, Lake
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.text import sql_literal

_RAW = f"unarranged_{EVENTS_VIEW}"


def arrange(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    spec: ExportSpec,
    source_events: Sequence[str] | None,
) -> None:
    """Put a view of the rows as the spec's layout wants them into the place of the source's.

    `source_events` are the patterns of the events that are taken, None for all; in a pattern `*`
    stands for any characters.
    """
    layout = spec.files_as
    if layout.series is not None:
        _replace(
            con,
            f"""
            SELECT * REPLACE ({sql_literal(layout.series)} AS event_name),
                event_name AS {NAME_IN_SOURCE}
            FROM {_RAW} WHERE {_taken(source_events)}
            """,
        )
    if layout.session_prefix and "session_props" in lake.event_columns:
        _replace(con, _with_session(layout.session_prefix))


def name_column(spec: ExportSpec) -> str:
    """The column of the arranged rows with the names that the source gives events."""
    return NAME_IN_SOURCE if spec.files_as.series else "event_name"


def _replace(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    con.execute(f"ALTER VIEW {EVENTS_VIEW} RENAME TO {_RAW}")
    con.execute(f"CREATE VIEW {EVENTS_VIEW} AS {rows}")


def _taken(patterns: Sequence[str] | None) -> str:
    """SQL condition: the event's name fits one of some patterns."""
    if patterns is None:
        return "event_name IS NOT NULL"
    plain = [name for name in patterns if "*" not in name]
    conditions = [f"event_name IN ({', '.join(map(sql_literal, plain))})"] if plain else []
    conditions += [
        f"regexp_full_match(event_name, {sql_literal(_expression(pattern))})"
        for pattern in patterns
        if "*" in pattern
    ]
    return " OR ".join(conditions) or "false"


def _expression(pattern: str) -> str:
    return "(?s)" + ".*".join(rf"\Q{part}\E" for part in pattern.split("*"))


def _with_session(prefix: str) -> str:
    """The rows with their session properties behind those of the event."""
    return f"""
        SELECT * REPLACE (
            CASE WHEN session_props IS NULL THEN event_props
            ELSE exact_joined(event_props, session_props, {sql_literal(prefix)}) END AS event_props
        ) FROM {_RAW}
    """
