"""Sends what is due: at least once, in order for each receiver, each receiver by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from evexport_dagster import ledger as kept
from evexport_dagster.errors import ExportError
from evexport_dagster.ledger import Ledger, Receiver, Sending
from evexport_dagster.notify.base import Channel, NotToldError, Obstacle
from evexport_dagster.notify.message import message

_HOLD: Final = timedelta(minutes=1)
"""For how long a sender has a notice for itself: longer than any channel waits for an answer."""

_SPAN: Final = timedelta(seconds=20)
"""How long one call may go on; the rest is for the next one."""

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
_REFUSALS: Final = 12
"""How often a receiver is asked that refuses a message: for about three hours."""


@dataclass(frozen=True)
class Sent:
    """How many notices were told, and why others were not, a line each."""

    told: int
    problems: tuple[str, ...]


def send_due(
    ledger: Ledger,
    channels: Mapping[kept.Channel, Channel],
    zone: ZoneInfo,
    clock: Callable[[], datetime],
) -> Sent:
    """Tell every receiver what it is to be told now, taking turns; raises no channel's errors."""
    until = clock() + _SPAN
    told, problems = 0, []
    lines = [receiver for receiver in ledger.notices.lines() if receiver.channel in channels]
    while lines and clock() <= until:
        going = []
        out: set[kept.Channel] = set()
        for receiver in lines:
            if receiver.channel in out:
                continue
            tried = _try_next(ledger, channels[receiver.channel], receiver, zone, clock)
            if tried is None:
                continue
            told += tried.obstacle is None
            if tried.obstacle == "channel":
                out.add(receiver.channel)
            if tried.obstacle is None or tried.is_over:
                going.append(receiver)
            if tried.problem:
                problems.append(tried.problem)
        lines = [receiver for receiver in going if receiver.channel not in out]
    return Sent(told, tuple(problems))


@dataclass(frozen=True)
class _Tried:
    """How an attempt ended; `is_over` where there is no other one."""

    obstacle: Obstacle | None
    problem: str = ""
    is_over: bool = False


def _try_next(
    ledger: Ledger,
    channel: Channel,
    receiver: Receiver,
    zone: ZoneInfo,
    clock: Callable[[], datetime],
) -> _Tried | None:
    """Tell a receiver its next notice; None where there is none, or none is due."""
    now = clock()
    taken = ledger.notices.take(receiver, now, now + _HOLD)
    if taken is None:
        return None
    try:
        channel.send(message(taken.notice, zone), receiver.address, now)
    except NotToldError as error:
        return _not_told(ledger, taken, str(error), error.obstacle, clock())
    except ExportError as error:
        return _not_told(ledger, taken, str(error), "channel", clock())
    except Exception as error:
        # Its words are not ours: they could hold anything.
        problem = f"a fault of evexport ({type(error).__name__})"
        return _not_told(ledger, taken, problem, "refusal", clock())
    ledger.notices.sent(taken, clock())
    return _Tried(None)


def _not_told(
    ledger: Ledger, taken: Sending, problem: str, obstacle: Obstacle, now: datetime
) -> _Tried:
    notice_id = taken.notice.notice_id
    if obstacle == "refusal" and taken.attempts >= _REFUSALS:
        ledger.notices.refused(taken, problem, now)
        return _Tried(obstacle, f"notice {notice_id} is given up: {problem}", is_over=True)
    ledger.notices.failed(taken, problem, now + pause(taken.attempts))
    return _Tried(obstacle, f"notice {notice_id} is not told yet: {problem}")


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, an hour at most."""
    doubled: int = 2 ** min(attempts - 1, 16)
    return min(_FIRST_PAUSE * doubled, _LONGEST_PAUSE)
