"""Windows: half-open intervals of event time, cut by the wall clock of the account.

A boundary is the first instant at which that clock shows a certain time *or a later one*. This
one rule decides every clock change: of a time that comes twice the first counts, a time that is
skipped is the first instant after the gap, and what lies wholly in a gap vanishes. It is monotone,
so windows tile time exactly, and each boundary of 8, 12 or 24 hours is one of 4 hours too.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo

Cadence = Literal[4, 8, 12, 24]
"""Hours of wall clock from one boundary to the next; the cuts start at midnight."""

KEY_FORMAT = "%Y-%m-%d-%H:%M"
"""How a window's start is written as a partition key, in the wall time of the account."""

_FINEST: Cadence = 4
_KEY = re.compile(r"\d{4}-\d\d-\d\d-\d\d:\d\d", re.ASCII)
_TYPED = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """Event time from `start` up to, not including, `end`: aware datetimes, kept in UTC."""

    start: dt.datetime
    end: dt.datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _utc(self.start))
        object.__setattr__(self, "end", _utc(self.end))
        if self.start >= self.end:
            raise ValueError(
                f"a window must start before it ends: {self.start.isoformat()} to "
                f"{self.end.isoformat()}"
            )

    @property
    def timestamp(self) -> int:
        """The logical run time: the epoch second of the window's end."""
        return int(self.end.timestamp())

    def date(self, zone: ZoneInfo) -> dt.date:
        """The day of the logical run time in `zone`: that of the window's end."""
        return self.end.astimezone(zone).date()


def day_start(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first midnight of `day` in UTC; where it is skipped, the first instant after the gap."""
    return _first(dt.datetime.combine(day, dt.time.min), zone)


def window_containing(instant: dt.datetime, cadence: Cadence, zone: ZoneInfo) -> Window:
    """The one window that `instant` (aware) lies in."""
    return next(_windows_from(instant, cadence, zone))


def next_window(window: Window, cadence: Cadence, zone: ZoneInfo) -> Window:
    """The window that follows `window` without a gap."""
    return window_containing(window.end, cadence, zone)


def windows_between(
    start: dt.datetime, end: dt.datetime, cadence: Cadence, zone: ZoneInfo
) -> Iterator[Window]:
    """Every window that touches `[start, end)`, in order, each of them whole.

    An empty range touches nothing; a reversed one is a ValueError.
    """
    start, end = _utc(start), _utc(end)
    if end < start:
        raise ValueError(f"the range ends before it starts: {start} to {end}")
    return takewhile(
        lambda window: max(window.start, start) < end, _windows_from(start, cadence, zone)
    )


def day_windows(first_day: dt.date, last_day: dt.date, zone: ZoneInfo) -> Iterator[Window]:
    """The daily windows of one-time and history exports; both days are included."""
    after = last_day + dt.timedelta(days=1)
    return windows_between(day_start(first_day, zone), day_start(after, zone), 24, zone)


def ended_windows(
    first_day: dt.date, now: dt.datetime, settle: dt.timedelta, cadence: Cadence, zone: ZoneInfo
) -> Iterator[Window]:
    """The windows since midnight of `first_day` that ended at least `settle` before `now`."""
    settled = _utc(now) - settle
    return takewhile(
        lambda window: window.end <= settled,
        _windows_from(day_start(first_day, zone), cadence, zone),
    )


def window_key(window: Window, zone: ZoneInfo) -> str:
    """The partition key of `window`: its boundary on the grid, not the time shown there.

    So it is 00:00 even on a day whose midnight is skipped, as Dagster has it; of the boundaries
    that fall together on a skipped day it is the last. ValueError where no window starts there.
    """
    wall = _floor(window.start, _FINEST, zone)
    if _first(wall, zone) != window.start:
        raise ValueError(f"no window starts at {window.start.isoformat()} in {zone.key}")
    return wall.strftime(KEY_FORMAT)


def window_from_key(key: str, cadence: Cadence, zone: ZoneInfo) -> Window:
    """The window that a partition key names, be it ours or Dagster's.

    On days with a gap it can have several names: the time on the grid, or that shown after the gap.
    ValueError for what is not a key, or not one of this cadence.
    """
    try:
        if not _KEY.fullmatch(key):
            raise ValueError
        wall = dt.datetime.fromisoformat(key)
        # Dagster reads a skipped time by the offset before the gap, and so does fold 0.
        window = window_containing(wall.replace(tzinfo=zone), cadence, zone)
        on_grid = wall.hour % cadence == 0 and wall.minute == 0
        if not on_grid and wall != _wall(window.start, zone):
            raise ValueError
    except (ValueError, OverflowError):
        times = ", ".join(f"{hour:02}:00" for hour in range(0, 24, cadence))
        raise ValueError(
            f"{key!r} is not the key of a {cadence}-hour window in {zone.key}: a key looks like "
            f"2026-06-14-00:00 and has one of the times {times}"
        ) from None
    return window


def parse_instant(text: str, zone: ZoneInfo) -> dt.datetime:
    """What a person typed, in UTC: a day (its midnight in `zone`) or an ISO 8601 time.

    Without an offset it is a time on the clock of `zone`, the first one if it comes twice.
    """
    try:
        if not _TYPED.fullmatch(text):
            raise ValueError
        typed = dt.datetime.fromisoformat(text)
        return _utc(typed) if typed.tzinfo else _first(typed, zone)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is not a time: write a day such as 2026-06-14 (midnight in {zone.key}), or "
            "a time such as 2026-06-14T08:00, with or without an offset such as Z or +02:00"
        ) from None


def _windows_from(instant: dt.datetime, cadence: Cadence, zone: ZoneInfo) -> Iterator[Window]:
    """The window of `instant` and all that follow."""
    instant = _utc(instant)
    wall = _floor(instant, cadence, zone)
    start = _first(wall, zone)
    while True:
        wall += dt.timedelta(hours=cadence)
        end = _first(wall, zone)
        # A clock that was set back can show a time before a boundary that has passed already.
        if end > start and end > instant:
            yield Window(start, end)
        start = end


def _first(wall: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The first instant at which the clock of `zone` shows `wall` (naive) or later."""
    early = wall.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    late = wall.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    if early <= late:
        return early
    # In a gap the two readings change places, with the clock change between them.
    seconds = range(int(late.timestamp()), int(early.timestamp()) + 1)
    change = bisect_left(seconds, wall, key=lambda second: _wall(_from_epoch(second), zone))
    return _from_epoch(seconds[change])


def _floor(instant: dt.datetime, cadence: Cadence, zone: ZoneInfo) -> dt.datetime:
    """The last time on the cadence's grid that the clock of `zone` has reached at `instant`."""
    wall = _wall(instant, zone)
    return wall.replace(hour=wall.hour - wall.hour % cadence, minute=0, second=0, microsecond=0)


def _wall(instant: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """What the clock of `zone` shows at `instant`: naive."""
    return instant.astimezone(zone).replace(tzinfo=None)


def _from_epoch(second: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(second, dt.UTC)


def _utc(instant: dt.datetime) -> dt.datetime:
    # Python compares two datetimes of one zone by their wall clocks: only in UTC is it by instant.
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} needs a time zone")
    return instant.astimezone(dt.UTC)
