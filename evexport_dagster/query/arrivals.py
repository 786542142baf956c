"""What the source has of windows that were delivered already: how many rows, the last arrival.

Read are the times and names of events alone, and what a predicate asks for; of files that have
statistics only the row groups of the windows that are asked for, and, where only new arrivals are
looked for, of these the ones that can hold any.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import gcd

import duckdb

from evexport_dagster.query.stage import filtered, sql_instant
from evexport_dagster.query.survey import EPOCH
from evexport_dagster.source import EVENTS_VIEW
from evexport_dagster.windows import Window

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Arrivals:
    """The rows of an event in a window, and when the last of them arrived."""

    rows: int
    latest: datetime | None


def arrivals(
    con: duckdb.DuckDBPyConnection,
    windows: Sequence[Window],
    events: Collection[str] | None,
    where: str | None,
    name: str = "event_name",
) -> dict[tuple[datetime, str], Arrivals]:
    """What the source has, by (window start, event), of these events, or of all for None.

    The windows are in order of time; `where` is the export's predicate, which sees the column
    `name` as the name of the event.
    """
    found = {}
    for span in _spans(windows):
        for number, event, rows, latest in _counted(con, span, events, where, name):
            found[span[number].start, event] = Arrivals(rows, _instant(latest))
    return found


def windows_with_arrivals(
    con: duckdb.DuckDBPyConnection, windows: Sequence[Window], since: datetime
) -> list[tuple[Window, datetime]]:
    """Those of the windows that got a row after `since`, and when the last of each arrived."""
    found = []
    for span in _spans(windows):
        query = f"""
            SELECT window_number, epoch_us(max(arrived_at))
            FROM ({_within(span)} AND arrived_at > {sql_instant(since)}) {_NUMBERED}
            GROUP BY window_number ORDER BY window_number
        """
        rows = con.execute(query, _numbers(span)).fetchall()
        found += [(span[number], EPOCH + timedelta(microseconds=last)) for number, last in rows]
    return found


_NUMBERED = """
    JOIN (SELECT unnest($slots) AS slot, unnest($numbers) AS window_number)
    ON slot = epoch_us(event_time) // $step
"""


def _counted(
    con: duckdb.DuckDBPyConnection,
    span: Sequence[Window],
    events: Collection[str] | None,
    where: str | None,
    name: str,
) -> list[tuple[int, str, int, int | None]]:
    named = "event_name IS NOT NULL" if events is None else "event_name IN (SELECT unnest($events))"
    rows = f"{_within(span)} AND {named}"
    query = f"""
        SELECT window_number, event_name, count(*), epoch_us(max(arrived_at))
        FROM ({rows if where is None else filtered(rows, where, name)}) {_NUMBERED}
        GROUP BY window_number, event_name
    """
    asked = _numbers(span) | ({} if events is None else {"events": list(events)})
    return con.execute(query, asked).fetchall()


def _spans(windows: Sequence[Window]) -> Iterator[list[Window]]:
    """Runs of windows that follow each other without a gap."""
    first = 0
    for number, window in enumerate(windows, start=1):
        if number == len(windows) or windows[number].start != window.end:
            yield list(windows[first:number])
            first = number


def _within(span: Sequence[Window]) -> str:
    start, end = sql_instant(span[0].start), sql_instant(span[-1].end)
    return f"SELECT * FROM {EVENTS_VIEW} WHERE event_time >= {start} AND event_time < {end}"


def _numbers(span: Sequence[Window]) -> dict[str, object]:
    """The number of each window for each of its slots: the longest time that divides them all.

    So that rows find their window by a hash of their slot, whatever the clock does.
    """
    edges = [(int((it.start - EPOCH) / _SECOND), int((it.end - EPOCH) / _SECOND)) for it in span]
    step = gcd(*(edge for pair in edges for edge in pair))
    pairs = [
        (slot, number)
        for number, (first, last) in enumerate(edges)
        for slot in range(first // step, last // step)
    ]
    slots, numbers = zip(*pairs, strict=True)
    return {"slots": list(slots), "numbers": list(numbers), "step": step * 1_000_000}


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)
