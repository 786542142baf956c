"""What a window holds, learned chunk by chunk: counts, oddities, the property names of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import duckdb

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATENESS: Final = {
    "up to 1 minute": 60,
    "up to 10 minutes": 600,
    "up to 1 hour": 3600,
    "up to 6 hours": 6 * 3600,
    "up to 1 day": 24 * 3600,
    "up to 3 days": 72 * 3600,
    "more": None,
}
"""How long after its time an event arrived: the steps of a histogram, up to so many seconds."""


@dataclass(frozen=True)
class EventSurvey:
    """One event in a window: rows per instance, its time span, the latest arrival, oddities.

    `lateness` counts rows by how long after its time an event arrived, where that is known: the
    rows of each of `LATENESS` that has any.

    `names` gives the rows of each property name, first seen first; names that a row brings
    together are in alphabetical order. `kinds` gives what the value of each is in the first row
    that has it.
    """

    rows: Mapping[int, int] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    watermark: datetime | None = None
    lateness: Mapping[str, int] = field(default_factory=dict)
    oddities: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Event:
    """What is known of an event so far; times in microseconds, names with their position."""

    rows: Counter[int] = field(default_factory=Counter)
    times: list[int] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    lateness: Counter[str] = field(default_factory=Counter)
    oddities: Counter[str] = field(default_factory=Counter)
    names: dict[str, tuple[int, int]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def add_name(self, name: str, position: int, rows: int, kind: str) -> None:
        first, before = self.names.get(name, (position, 0))
        self.names[name] = (min(first, position), before + rows)
        if position <= first:
            self.kinds[name] = kind

    def in_order(self) -> dict[str, int]:
        found = sorted((position, name, rows) for name, (position, rows) in self.names.items())
        return {name: rows for _, name, rows in found}


class Survey:
    """The events of a window, by their position, as far as they were read."""

    def __init__(self, events: int) -> None:
        self._events = [_Event() for _ in range(events)]

    def add_rows(self, con: duckdb.DuckDBPyConnection) -> None:
        """Count the rows of `staged` and take their times."""
        for event, instance, rows, first, last, arrival, *delays in con.execute(_SPANS).fetchall():
            found = self._events[event]
            found.rows[instance] += rows
            found.times = [min([first, *found.times]), max([last, *found.times])]
            if arrival is not None:
                found.arrivals = [max([arrival, *found.arrivals])]
                found.lateness.update(dict(zip(LATENESS, delays, strict=True)))

    def add_names(self, con: duckdb.DuckDBPyConnection) -> None:
        """Take the property names of `shapes`."""
        for event, name, rows, position, kind in con.execute(_NAMES).fetchall():
            self._events[event].add_name(name, position, rows, _KINDS[kind])

    def add_oddities(self, event: int, counted: Mapping[str, int]) -> None:
        """Count what was odd about rows of an event."""
        self._events[event].oddities.update(counted)

    def seen(self) -> Sequence[int]:
        """The events that have rows."""
        return [number for number, event in enumerate(self._events) if event.rows]

    def names(self, event: int) -> Mapping[str, int]:
        """The names of an event, in order, with their rows."""
        return self._events[event].in_order()

    def events(self) -> tuple[EventSurvey, ...]:
        """What was found, by the position of the event."""
        return tuple(
            EventSurvey(
                rows=dict(sorted(event.rows.items())),
                first=_instant(min(event.times)),
                last=_instant(max(event.times)),
                watermark=_instant(max(event.arrivals)) if event.arrivals else None,
                lateness={step: event.lateness[step] for step in LATENESS if event.lateness[step]},
                oddities=+event.oddities,
                names=event.in_order(),
                kinds=event.kinds,
            )
            if event.rows
            else EventSurvey()
            for event in self._events
        )


def _between(more: int | None, most: int | None) -> str:
    """SQL for the number of rows with a delay in (more, most], in seconds; None is no limit."""
    delay = "epoch_us(arrived_at) - epoch_us(event_time)"
    limits = [f"{delay} > {more * 1_000_000}"] if more else []
    limits += [f"{delay} <= {most * 1_000_000}"] if most else []
    return f"count(arrived_at) FILTER ({' AND '.join(limits)})"


_SPANS = f"""
    SELECT event, instance, count(*), epoch_us(min(event_time)), epoch_us(max(event_time)),
        epoch_us(max(arrived_at)),
        {", ".join(_between(*step) for step in pairwise([None, *LATENESS.values()]))}
    FROM staged GROUP BY event, instance
"""
_NAMES = """
    SELECT event, key, sum(n)::BIGINT, min(position), arg_min(kind, position)
    FROM (
        SELECT event, n, position, unnest(keys) AS key, unnest(kinds)::VARCHAR AS kind FROM shapes
    )
    GROUP BY event, key
"""
_KINDS = {
    "BOOLEAN": "boolean",
    "BIGINT": "number",
    "UBIGINT": "number",
    "DOUBLE": "number",
    "VARCHAR": "text",
    "ARRAY": "list",
    "OBJECT": "object",
}


def _instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
