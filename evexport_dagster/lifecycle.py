"""The life of an export: its status, and what people are told of its failures; pure.

Failures are told by what they are (product contract, section 8). One that the bucket's owner has
to mend is told three times in two days, the third time by the stop of the export. Any other is
told once, however often it is retried, until the export recovers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from evexport_dagster.ledger import ExportState, Failure, Trouble

Status = Literal["Pending", "Running", "Stopped", "Done"]

DAY: Final = timedelta(days=1)
NOTICES: Final = 3
"""How often an access failure is told; the last time the export is stopped."""

_APART: Final = DAY / 2
# Checks can come late, after a day without a daemon: nobody is told twice in an hour, and stopped.


@dataclass(frozen=True)
class Failed:
    """A run failed; `failure` is how it is recorded."""

    failure: Failure


@dataclass(frozen=True)
class Succeeded:
    """A window was delivered; `wrote` tells that objects were put into the destination."""

    window_start: datetime
    wrote: bool


@dataclass(frozen=True)
class StoppedByHand:
    """A person stopped the export."""


Fact = Failed | Succeeded | StoppedByHand


@dataclass(frozen=True)
class TellFailed:
    """Tell of a failure for the `number`-th time; it stops the export at `stops_at`, if at all."""

    number: int = 1
    stops_at: datetime | None = None


@dataclass(frozen=True)
class TellRecovered:
    """Tell that what had failed works again."""


@dataclass(frozen=True)
class TellStopped:
    """Tell that the export is stopped: by a person, or because nobody mended the access."""


Telling = TellFailed | TellRecovered | TellStopped


def status_of(state: ExportState, *, running: bool) -> Status:
    """The status of a registered export; `running` tells that a run holds one of its windows."""
    if state == "stopped":
        return "Stopped"
    if running:
        return "Running"
    return "Done" if state == "done" else "Pending"


def advance(trouble: Trouble | None, fact: Fact) -> tuple[Trouble | None, tuple[Telling, ...]]:
    """What an export has trouble with after a fact, and what is told of it."""
    match fact:
        case Failed(failure):
            known = trouble or Trouble(failure.window_start)
            known = replace(known, window_start=failure.window_start)
            return _denied(known, failure) if failure.kind == "access" else _broke(known, failure)
        case Succeeded():
            return _succeeded(trouble, fact)
        case StoppedByHand():
            return None, (TellStopped(),)


def _denied(known: Trouble, failure: Failure) -> tuple[Trouble, tuple[Telling, ...]]:
    now, told = failure.last_at, known.access_told
    since = known.access_since or now
    if not _is_time(known, now):
        return known, ()
    after = replace(known, access_since=since, access_told=told + 1, access_told_at=now)
    if after.access_told < NOTICES:
        return after, (TellFailed(after.access_told, stops_at=_next(after, NOTICES - 1)),)
    return after, (TellStopped(),)


def _is_time(known: Trouble, now: datetime) -> bool:
    """Whether the next notice of an access failure is due."""
    if known.access_told >= NOTICES:
        return False
    return known.access_since is None or now >= _next(known, known.access_told)


def _next(known: Trouble, told: int) -> datetime:
    """When the notice that follows so many is due, if checks come in time."""
    assert known.access_since is not None
    assert known.access_told_at is not None
    return max(known.access_since + told * DAY, known.access_told_at + _APART)


def _broke(known: Trouble, failure: Failure) -> tuple[Trouble, tuple[Telling, ...]]:
    if failure.kind in known.kinds:
        return known, ()
    return replace(known, kinds=(*known.kinds, failure.kind)), (TellFailed(),)


def _succeeded(
    trouble: Trouble | None, fact: Succeeded
) -> tuple[Trouble | None, tuple[Telling, ...]]:
    """A window without a row says nothing of the access, unless it is the one that failed."""
    if trouble is None or fact.window_start < trouble.window_start:
        return trouble, ()
    same = fact.window_start == trouble.window_start
    if trouble.access_since is not None and not (same or fact.wrote):
        return trouble, ()
    return None, (TellRecovered(),)
