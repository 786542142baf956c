"""What a lake holds, seen from above: event names, when they came first, their properties."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import duckdb

from evexport_dagster.source.lake import EVENTS_VIEW, PROFILES_VIEW

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What DuckDB reads although it is no value, or no JSON: null, NaN, infinities, trailing commas.
_NOT_STRICT = r"(?i):\s*(?:null|[-+]?(?:nan|inf))|,\s*[}\]]"


def unplaceable_rows(con: duckdb.DuckDBPyConnection) -> int:
    """Rows without a name or a time, which no window can hold."""
    ((rows,),) = con.execute(
        f"SELECT count(*) FROM {EVENTS_VIEW} WHERE event_name IS NULL OR event_time IS NULL"
    ).fetchall()
    return int(rows)


def profile_count(con: duckdb.DuckDBPyConnection) -> int:
    """How many profiles there are, however many rows each of them has."""
    query = f"SELECT count(DISTINCT profile_id) FROM {PROFILES_VIEW}"
    ((profiles,),) = con.execute(query).fetchall()
    return int(profiles)


def event_names(
    con: duckdb.DuckDBPyConnection, start: datetime, end: datetime
) -> tuple[tuple[str, datetime], ...]:
    """(name, first time) of every event in [start, end), the one seen first first."""
    found = con.execute(
        f"""
        SELECT event_name, epoch_us(min(event_time)) AS first FROM {EVENTS_VIEW}
        WHERE event_name IS NOT NULL AND event_time >= ? AND event_time < ?
        GROUP BY event_name ORDER BY first, event_name
        """,
        [start, end],
    ).fetchall()
    return tuple((name, _EPOCH + timedelta(microseconds=first)) for name, first in found)


def property_names(
    con: duckdb.DuckDBPyConnection, events: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The properties that the whole source has for each of these events, in source order and,
    within a row, in alphabetical order. Malformed objects have none."""
    rows = con.execute(
        f"""
        WITH rows AS (
            SELECT event_name, coalesce(position, row_number() OVER ()) AS position,
                CASE WHEN json_valid(event_props) AND NOT regexp_matches(event_props, ?)
                THEN event_props ELSE exact_object(event_props).text END AS props
            FROM {EVENTS_VIEW} WHERE event_name IN (SELECT unnest(?::VARCHAR[]))
        )
        SELECT event_name, json_keys(arg_min(props, position))
        FROM rows GROUP BY event_name, hash(json_keys(props)) ORDER BY min(position)
        """,
        [_NOT_STRICT, list(events)],
    ).fetchall()
    names: dict[str, dict[str, None]] = {event: {} for event in events}
    for event, keys in rows:
        names[event].update(dict.fromkeys(sorted(keys)))
    return {event: tuple(known) for event, known in names.items()}
