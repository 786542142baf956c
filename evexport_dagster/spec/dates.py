"""Whether a schedule's days can be exported on a given day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from evexport_dagster.errors import Fault
from evexport_dagster.spec.document import path_text
from evexport_dagster.spec.model import DayRange, ExportSpec, Recurring


def check_dates(spec: ExportSpec, today: date, history_limit: timedelta) -> list[Fault]:
    """What is wrong with a spec's days when it is created on `today` (in the account's zone).

    A range has ended before `today`, and nothing starts more than `history_limit` back.
    """
    return list(_faults(spec, today, today - timedelta(days=history_limit.days)))


def _faults(spec: ExportSpec, today: date, earliest: date) -> Iterator[Fault]:
    schedule = spec.schedule
    if isinstance(schedule, Recurring):
        yield from _too_early(("schedule", "recurring", "start"), schedule.start, earliest)
        if schedule.history:
            path = ("schedule", "recurring", "history")
            yield from _range(path, schedule.history, today, earliest)
    else:
        yield from _range(("schedule", "one_time"), schedule, today, earliest)


def _range(path: tuple[str, ...], days: DayRange, today: date, earliest: date) -> Iterator[Fault]:
    yield from _too_early((*path, "from"), days.from_, earliest)
    if days.to >= today:
        allowed = f"expected a day that has ended; the last one was {today - timedelta(days=1)}"
        yield Fault(path_text((*path, "to")), str(days.to), allowed)


def _too_early(path: tuple[str, ...], day: date, earliest: date) -> Iterator[Fault]:
    if day < earliest:
        allowed = f"expected {earliest} or later: exports reach no further back (history_limit)"
        yield Fault(path_text(path), str(day), allowed)
