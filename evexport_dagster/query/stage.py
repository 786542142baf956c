"""The window on DuckDB's side: one pass over the source, then everything from temporary tables.

    source_events ──> staged ──> survey (counts, property names)
                         │
    source_profiles ──> people ──> ready: joined, sorted by delivery

Temporary tables spill to the run's scratch folder, within its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.query.clean import CleanedObject
from evexport_dagster.source import EVENTS_VIEW, Lake
from evexport_dagster.text import sql_literal
from evexport_dagster.windows import Window

# A list of names is pushed down to the files' statistics; a longer one is only joined.
_PUSHED_DOWN_NAMES = 600


@dataclass(frozen=True)
class Selection:
    """Which rows of the source are taken: a window, event names (their position is their number
    in the tables), a predicate over the canonical columns; and whether their device, and an
    order among them, are needed."""

    window: Window
    events: Sequence[str]
    where: str | None
    device: bool
    sort: bool


def stage_events(
    con: duckdb.DuckDBPyConnection, lake: Lake, selection: Selection, properties: CleanedObject
) -> None:
    """Make the table `staged`: the selected rows, their properties cleaned."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE selected AS
        SELECT unnest(range(len($names)))::USMALLINT AS event,
            unnest($names::VARCHAR[]) AS event_name
        """,
        {"names": list(selection.events)},
    )
    # Without a position of its own, the order of the scan is the order of the source.
    con.execute(f"SET preserve_insertion_order = {'false' if lake.positioned else 'true'}")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE staged AS
        SELECT *, hash(json_keys(event_props)) AS shape
        FROM (
            SELECT
                event, instance, event_time, event_id, profile_id, arrived_at, position, device,
                {properties.text} AS event_props, {properties.exact} AS event_props_exact,
                {properties.odd} AS odd
            FROM (
                SELECT *, {properties.mended}
                FROM (SELECT *, {properties.way} FROM ({_picked(lake, selection)}))
            )
        )
        """
    )


def check_predicate(con: duckdb.DuckDBPyConnection, predicate: str | None) -> None:
    """Raise SpecError where `where` is not a predicate over the canonical columns."""
    if predicate is None:
        return
    try:
        con.execute(f"{_filtered(f'SELECT * FROM {EVENTS_VIEW}', predicate)} LIMIT 0")
    except duckdb.Error as error:
        said = str(error).split("\n\nLINE", 1)[0].replace("\n", "; ")
        raise SpecError("the spec has a fault", [Fault("where", repr(predicate), said)]) from None


def _picked(lake: Lake, selection: Selection) -> str:
    event_id = "event_id" if selection.sort else "NULL AS event_id"
    device = "coalesce(device, '{}')" if selection.device else "'{}'"
    return f"""
        SELECT
            event, coalesce(instance_id, 0) AS instance, event_time, {event_id}, profile_id,
            arrived_at, {device} AS device,
            coalesce(event_props, '{{}}') AS event_props, position
        FROM ({_rows(lake, selection)}) JOIN selected USING (event_name)
    """


def _rows(lake: Lake, selection: Selection) -> str:
    start, end = (_instant(edge) for edge in (selection.window.start, selection.window.end))
    conditions = [f"event_time >= {start}", f"event_time < {end}"]
    if len(selection.events) <= _PUSHED_DOWN_NAMES:
        names = ", ".join(map(sql_literal, selection.events))
        conditions.append(f"event_name IN ({names})")
    # Rows are numbered here, not further on, because a join does not keep their order.
    numbered = "" if lake.positioned else " REPLACE (row_number() OVER () AS position)"
    rows = f"SELECT *{numbered} FROM {EVENTS_VIEW} WHERE {' AND '.join(conditions)}"
    return rows if selection.where is None else _filtered(rows, selection.where)


def _filtered(rows: str, predicate: str) -> str:
    """The rows that fit a predicate, which sees objects as JSON, and malformed ones as NULL."""
    objects = ("device", "event_props", "session_props")
    as_json = ", ".join(
        f"CASE WHEN json_valid({name}) THEN {name}::JSON END AS {name}" for name in objects
    )
    return f"""
        SELECT raw.*
        FROM (SELECT raw, raw.* REPLACE ({as_json}) FROM ({rows}) AS raw)
        WHERE ({predicate}
        )
    """


def _instant(instant: datetime) -> str:
    return f"TIMESTAMPTZ '{instant.astimezone(UTC).isoformat(sep=' ')}'"
