"""What a staged window holds: counts, oddities, and the property names of each event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class EventSurvey:
    """One event in a window: rows per instance, its time span, the latest arrival, oddities.

    `names` gives the rows of each property name, first seen first; names that a row brings
    together are in alphabetical order.
    """

    rows: Mapping[int, int] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    watermark: datetime | None = None
    oddities: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, int] = field(default_factory=dict)


def survey_staged(con: duckdb.DuckDBPyConnection, events: int) -> tuple[EventSurvey, ...]:
    """Survey the table `staged`, mending on the way what only shows in a whole shape."""
    shapes = _shapes(con)
    doubled = [(event, shape) for event, shape, keys, _ in shapes if len(set(keys)) < len(keys)]
    if doubled:
        _mend_duplicate_keys(con, doubled)
    names: list[Counter[str]] = [Counter() for _ in range(events)]
    for event, _, keys, rows in shapes:
        names[event].update(dict.fromkeys(sorted(set(keys)), rows))
    oddities = _oddities(con, events)
    surveys = [EventSurvey()] * events
    for event, rows, first, last, watermark in con.execute(_SPANS).fetchall():
        surveys[event] = EventSurvey(
            rows=dict(rows),
            first=_instant(first),
            last=_instant(last),
            watermark=_instant(watermark),
            oddities=oddities[event],
            names=names[event],
        )
    return tuple(surveys)


_SPANS = """
    SELECT event, map_from_entries(list((instance, n) ORDER BY instance)),
        epoch_us(min(first)), epoch_us(max(last)), epoch_us(max(watermark))
    FROM (
        SELECT event, instance, count(*) AS n, min(event_time) AS first, max(event_time) AS last,
            max(arrived_at) AS watermark
        FROM staged GROUP BY event, instance
    ) GROUP BY event
"""


def _shapes(con: duckdb.DuckDBPyConnection) -> list[tuple[int, int, list[str], int]]:
    """(event, shape, keys, rows) of every set of keys that a row has, first seen first."""
    return con.execute(
        """
        WITH shapes AS (
            SELECT event, shape, count(*) AS n, min(position) AS position
            FROM staged GROUP BY event, shape
        )
        SELECT event, shape, json_keys(event_props), n
        FROM staged JOIN shapes USING (event, shape, position)
        ORDER BY position
        """
    ).fetchall()


def _mend_duplicate_keys(con: duckdb.DuckDBPyConnection, doubled: list[tuple[int, int]]) -> None:
    """Clean rows whose properties have a key twice. A cheap test cannot see that in one row,
    but rows of one shape have the same keys, and shapes are few."""
    events, shapes = (list(column) for column in zip(*doubled, strict=True))
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE doubled AS
        SELECT unnest($events::USMALLINT[]) AS event, unnest($shapes::UBIGINT[]) AS shape
        """,
        {"events": events, "shapes": shapes},
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE mended AS
        SELECT staged.rowid AS row, exact_object(event_props) AS cleaned
        FROM staged SEMI JOIN doubled USING (event, shape)
        """
    )
    con.execute(
        """
        UPDATE staged SET
            event_props = cleaned.text, event_props_exact = true,
            odd = cleaned.odd
        FROM mended WHERE staged.rowid = mended.row
        """
    )
    con.execute("DROP TABLE mended")


def _oddities(con: duckdb.DuckDBPyConnection, events: int) -> list[Counter[str]]:
    """What cleaning counted, per event."""
    counted: list[Counter[str]] = [Counter() for _ in range(events)]
    found = con.execute(
        """
        SELECT event, odd, count(*) FROM staged WHERE odd IS NOT NULL GROUP BY event, odd
        """
    ).fetchall()
    for event, what, rows in found:
        for name, count in json.loads(what).items():
            counted[event][name] += count * rows
    return counted


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)
