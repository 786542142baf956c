"""When an export runs next: from what the ledger and Dagster know to one window, or none; pure.

Windows go in order: the next one waits until the one before is delivered whole, however often
that fails. So an export asks for one run at a time, also where it has to catch up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from evexport_dagster.errors import Kind
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import ExportState, Failure
from evexport_dagster.windows import Window

RETRY_AFTER: Final[dict[Kind, timedelta | None]] = {
    "spec": None,
    "access": timedelta(hours=1),
    "unavailable": timedelta(minutes=5),
    "bug": timedelta(minutes=5),
}
"""How long after its failure a window is tried again, by kind; None waits for a change."""

_BROKE_OFF: Final[Kind] = "bug"
_INSTANT: Final = timedelta.resolution


@dataclass(frozen=True)
class LastRun:
    """The planner's last run of an export that has ended: for which window, and when it ended.

    `at_once`: if it ended without a word, its window may be repeated at once, as when a machine
    was started again. A window that breaks off time and again waits between its runs.
    """

    run_id: str
    window_start: datetime
    ended_at: datetime
    at_once: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known of an export.

    Every window that starts before `since` is delivered whole, and of the later ones those that
    start at `whole`. Those at `late` are due again, because rows came late: the one thing that an
    export that is done still delivers. Windows at `unfinished` are delivered, but not closed by
    their manifest.
    `changed_at` is when what the export means or how it runs last changed. `in_flight`: a run of
    it is queued or at work, whoever started it.
    """

    job: ExportJob
    state: ExportState
    since: datetime
    changed_at: datetime
    whole: Collection[datetime] = ()
    unfinished: Collection[datetime] = ()
    late: Collection[datetime] = ()
    failures: tuple[Failure, ...] = ()
    in_flight: bool = False
    last_run: LastRun | None = None


@dataclass(frozen=True)
class NextRun:
    """The next run of an export: a window, and when it may start.

    `not_before` is None where it waits for a change: of the spec, or of what it stands on.
    """

    job: ExportJob
    window: Window
    not_before: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether it may start now."""
        return self.not_before is not None and self.not_before <= now


def next_run(facts: Facts, now: datetime) -> NextRun | None:
    """The next run of an export, due or not; None while one is at work, and when none will be."""
    if facts.state == "stopped" or facts.in_flight:
        return None
    window = _next_window(facts, now) if facts.state == "active" else _first(facts, facts.late)
    if window is None:
        return None
    return NextRun(facts.job, window, _not_before(facts, window))


def in_turn(due: Iterable[NextRun], at_work: int, concurrent_runs: int) -> tuple[NextRun, ...]:
    """Those of the due runs that may start, where so many of the account are at work already.

    Recurring exports go before history and one-time ones, earlier windows before later ones.
    """
    ordered = sorted(due, key=lambda it: (it.job.kind != "recurring", it.window.end, it.job.name))
    return tuple(ordered[: max(0, concurrent_runs - at_work)])


def is_done(facts: Facts, now: datetime) -> bool:
    """Whether an export that ends with its last window has nothing left to deliver."""
    end = facts.job.end
    if end is None or facts.state != "active" or now < end + facts.job.settle:
        return False
    return _next_window(facts, now) is None


def _next_window(facts: Facts, now: datetime) -> Window | None:
    """The first window that is not delivered whole, ended or not; else one to be closed."""
    windows = facts.job.between(facts.since, max(now, facts.since) + _INSTANT)
    first = next((it for it in windows if it.start not in facts.whole), None)
    if first is not None and first.end + facts.job.settle <= now:
        return first
    return _first(facts, facts.unfinished) or first


def _first(facts: Facts, starts: Collection[datetime]) -> Window | None:
    """The window that starts first."""
    start = min(starts, default=None)
    return None if start is None else next(facts.job.between(start, start + _INSTANT), None)


def _not_before(facts: Facts, window: Window) -> datetime | None:
    """When a window may be delivered: once it has settled, and after a failure by its kind."""
    settled = window.end + facts.job.settle
    waits = [_retry_at(facts, it.kind, it.last_at) for it in _last(facts.failures, window)]
    if facts.last_run is not None and facts.last_run.window_start == window.start:
        # A run that ended without a word, killed or canceled, is nobody's recorded failure.
        ended_at = facts.last_run.ended_at
        waits.append(ended_at if facts.last_run.at_once else _retry_at(facts, _BROKE_OFF, ended_at))
    if None in waits:
        return None
    return max([settled, *(it for it in waits if it is not None)])


def _last(failures: Collection[Failure], window: Window) -> list[Failure]:
    """The newest failure of a window: its kind says who acts next."""
    own = [it for it in failures if it.window_start == window.start]
    return [max(own, key=lambda it: it.last_at)] if own else []


def _retry_at(facts: Facts, kind: Kind, failed_at: datetime) -> datetime | None:
    if facts.changed_at > failed_at:
        return facts.changed_at
    after = RETRY_AFTER[kind]
    return None if after is None else failed_at + after
