"""The event time as text, by the account's wall clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

from evexport_dagster.windows import Window

_SECOND = timedelta(seconds=1)
_MICROSECONDS = "epoch_us(event_time)"


TimeForm = Literal["epoch", "datetime", "compact"]


def time_text(form: TimeForm, window: Window, zone: ZoneInfo) -> str:
    """SQL for `event_time`, floored to the second: epoch seconds; or the clock of the zone at that
    moment, in ISO 8601 with its offset, or compact (yyyyMMddHHmmss)."""
    if form == "epoch":
        # DuckDB divides towards zero; times before 1970 are floored too.
        below = f"(({_MICROSECONDS} % 1000000) + 1000000) % 1000000"
        return f"CAST(({_MICROSECONDS} - {below}) // 1000000 AS VARCHAR)"
    *changes, last = _offsets(window, zone)
    cases = "".join(
        f" WHEN {_MICROSECONDS} < {_micros(until)} THEN {_wall_clock(offset, form)}"
        for until, offset in changes
    )
    text = _wall_clock(last[1], form)
    return f"CASE{cases} ELSE {text} END" if cases else text


def _offsets(window: Window, zone: ZoneInfo) -> Iterator[tuple[datetime, timedelta]]:
    """(until, offset) for each stretch of the window in which the clock does not change."""
    start = window.start
    while start < window.end:
        offset = _offset(start, zone)
        until = start
        while until < window.end and _offset(until, zone) == offset:
            until = min(until + timedelta(hours=1), window.end)
        if _offset(until - _SECOND, zone) != offset:
            until = _change(max(start, until - timedelta(hours=1)), until, zone)
        yield until, offset
        start = until


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first second in (low, high] at which the offset is no longer that of low."""
    before = _offset(low, zone)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    return offset if offset is not None else timedelta(0)


def _micros(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000


def _wall_clock(offset: timedelta, form: TimeForm) -> str:
    shown = "%Y%m%d%H%M%S" if form == "compact" else f"%Y-%m-%dT%H:%M:%S{_iso(offset)}"
    shifted = f"make_timestamp({_MICROSECONDS} + {int(offset.total_seconds()) * 1_000_000})"
    return f"strftime({shifted}, '{shown}')"


def _iso(offset: timedelta) -> str:
    return datetime(2000, 1, 1, tzinfo=timezone(offset)).isoformat()[19:]
