"""Partitions: window x event, of profiles the window alone; the reversible codec of event names."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

import dagster as dg

from evexport_dagster.exports import ExportJob, Task
from evexport_dagster.spec.model import PROFILES
from evexport_dagster.windows import KEY_FORMAT, Window, window_from_key, window_key

WINDOW: Final = "window"
EVENT: Final = "event"

MOST_KEYS: Final = 50_000
"""The keys of one asset that Dagster's pages stay quick with, see `benchmarks/calendar.py`."""

_FEWEST_EVENTS: Final = 64
_EMPTY: Final = "%"
# Dagster itself uses `| , [ ]` and `...`; spaces are kept where a reader sees them.
_RESERVED = re.compile(r"[%|,\[\]/\\]|\.(?=\.)|^ | $| (?= )")


def event_key(name: str) -> str:
    """The partition key of an event name: itself, with what could be misread as `%XX` of UTF-8."""
    if not name:
        return _EMPTY
    plain = unicodedata.is_normalized("NFC", name)
    escaped = _RESERVED.sub(lambda found: _escape(found[0]), name)
    return "".join(c if _readable(c, plain) else _escape(c) for c in escaped)


def event_of_key(key: str) -> str:
    """The event name that `event_key` gave this key; ValueError for any other text."""
    try:
        name = "" if key == _EMPTY else unquote(key, errors="surrogatepass")
    except UnicodeDecodeError:
        name = ""
    if event_key(name) != key:
        raise ValueError(f"{key!r} is not the key of an event")
    return name


def is_by_event(job: ExportJob) -> bool:
    """Whether the partitions of an export have a dimension of events."""
    return job.spec.type == "events"


def partition_key(job: ExportJob, window: Window, event: str) -> str:
    """The key of one delivery: `event|window`, or the window alone."""
    if not is_by_event(job):
        return window_key(window, job.zone)
    return dg.MultiPartitionKey({EVENT: event_key(event), WINDOW: window_key(window, job.zone)})


def tasks_of(job: ExportJob, keys: Iterable[str], *, again: bool) -> tuple[Task, ...]:
    """What partition keys ask for: one task for each window, in time order.

    The instants come from our own windows, never from Dagster's: they differ by an hour where a
    midnight comes twice. Raises ValueError for what is not a key of this export.
    """
    events: dict[Window, list[str]] = defaultdict(list)
    for key in keys:
        event, _, window = key.partition("|") if is_by_event(job) else (PROFILES, "", key)
        events[window_from_key(window, job.cadence, job.zone)].append(event_of_key(event))
    return tuple(Task(job.name, window, tuple(events[window]), again) for window in sorted(events))


def partitions_of(job: ExportJob, events: int, today: dt.date) -> dg.PartitionsDefinition[str]:
    """The partitions of an export that has so many events; `today` is a day of its zone."""
    windows = _windows(job, events, today)
    if not is_by_event(job):
        return windows
    return dg.MultiPartitionsDefinition({WINDOW: windows, EVENT: _events(job)})


def dynamic_events(job: ExportJob) -> dg.DynamicPartitionsDefinition | None:
    """Where the event keys of an export live that new events join; None for a fixed list."""
    if job.listed_events is not None:
        return None
    return dg.DynamicPartitionsDefinition(name=f"exports/{job.name}")


def first_day_shown(job: ExportJob, events: int, today: dt.date) -> dt.date:
    """The first day whose windows are partitions: the export's own, or the horizon's.

    The horizon is the first day of a month, so that every process finds the same one, and Dagster,
    which counts all keys anew when they begin on another day, seldom has to. Where a month is too
    much it is a Monday, and never later than last week's, whatever that comes to.
    """
    if job.last_day is not None:
        return job.first_day
    shown = MOST_KEYS // (_counted(job, events) * 24 // job.cadence)
    earliest = today - dt.timedelta(days=min(shown, today.toordinal()) - 1)
    month = earliest if earliest.day == 1 else _next_month(earliest)
    if month < today.replace(day=1):
        return max(job.first_day, month)
    monday = earliest + dt.timedelta(days=-earliest.weekday() % 7)
    last_monday = today - dt.timedelta(days=today.weekday() + 7)
    return max(job.first_day, min(monday, last_monday))


def _windows(job: ExportJob, events: int, today: dt.date) -> dg.TimeWindowPartitionsDefinition:
    end = None if job.last_day is None else job.last_day + dt.timedelta(days=1)
    return dg.TimeWindowPartitionsDefinition(
        start=_midnight(first_day_shown(job, events, today)),
        end=None if end is None else _midnight(end),
        cron_schedule="0 0 * * *" if job.cadence == 24 else f"0 */{job.cadence} * * *",
        timezone=job.zone.key,
        fmt=KEY_FORMAT,
        # Where midnight comes twice, a window of ours ends an hour before Dagster's does.
        end_offset=1 if end is None else 0,
    )


def _events(job: ExportJob) -> dg.PartitionsDefinition[str]:
    return dynamic_events(job) or dg.StaticPartitionsDefinition(
        [event_key(name) for name in job.listed_events or ()]
    )


def _counted(job: ExportJob, events: int) -> int:
    # A power of two, so that one more event seldom moves the horizon.
    if job.listed_events is not None:
        return max(1, len(job.listed_events))
    return 1 << (max(events, _FEWEST_EVENTS) - 1).bit_length()


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)


def _midnight(day: dt.date) -> str:
    return dt.datetime.combine(day, dt.time.min).strftime(KEY_FORMAT)


def _readable(character: str, plain: bool) -> bool:
    """Whether a reader takes it for what it is: printable, and not part of a decomposed name."""
    return (character.isascii() and character.isprintable()) or (plain and character.isprintable())


def _escape(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", errors="surrogatepass"))
