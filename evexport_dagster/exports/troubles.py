"""Failures and recoveries of an export: recorded, and told as its life says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import duckdb

from evexport_dagster.errors import BusyError, ExportError, Kind, SourceError, StoppedError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.notices import Notifier
from evexport_dagster.ledger import (
    Failure,
    NewFailure,
    NewNotice,
    Outcome,
    RegisteredExport,
    Step,
    Trouble,
)
from evexport_dagster.lifecycle import (
    Fact,
    Failed,
    StoppedByHand,
    Succeeded,
    TellFailed,
    Telling,
    TellRecovered,
    TellStopped,
    advance,
)
from evexport_dagster.windows import Window


@contextmanager
def outcome_recorded(
    context: Context, job: ExportJob, export: RegisteredExport, window: Window, run_id: str
) -> Iterator[None]:
    """Record how the delivery of a window ended, and keep the notices of it."""
    with failures_recorded(context, job, export, window, run_id):
        yield
    recovered(context, job, export, window, run_id)


def recovered(
    context: Context, job: ExportJob, export: RegisteredExport, window: Window, run_id: str
) -> None:
    """Tell that a window was delivered by a run, if it had failed, and forget that it had."""
    receipts = context.ledger.deliveries.receipts(export.export_id, window.start)
    wrote = any(receipt.files for receipt in receipts if receipt.run_id == run_id)
    step = _step(context, job, export, lambda _: Succeeded(window.start, wrote), window)
    context.ledger.troubles.succeeded(export.export_id, window.start, step)


@contextmanager
def failures_recorded(
    context: Context, job: ExportJob, export: RegisteredExport, window: Window, run_id: str
) -> Iterator[None]:
    """Record what fails in the course of a window's delivery, and keep the notices of it.

    A run that was ended has not failed: by a person, because its export is stopped, or because
    another run has its window. With the last notice of an access failure the export is stopped.
    """
    try:
        yield
    except (StoppedError, BusyError, duckdb.InterruptException):
        raise
    except Exception as error:
        if _is_stopped(context, export):
            # What it failed of is the stop: whatever was at work is interrupted.
            raise
        new = NewFailure(window.start, _kind(error), str(error), run_id, context.clock())
        step = _step(context, job, export, lambda failures: Failed(failures[0]), window)
        context.ledger.troubles.failed(export.export_id, new, step)
        raise


def stop(context: Context, job: ExportJob | None, export: RegisteredExport) -> RegisteredExport:
    """Stop an export for ever, as a person asked; `job` is what its file says, where that can be
    read. A stop of a stopped export is told once."""
    if export.state == "stopped":
        return export
    step = _step(context, job, export, lambda _: StoppedByHand())
    context.ledger.troubles.advance(export.export_id, step)
    return context.ledger.exports.get(export.name) or export


def _kind(error: Exception) -> Kind:
    """Who acts next where a registered export fails.

    Its spec was accepted with its source. If this cannot be read now, the source has changed, not
    the spec, and can change back without a word to us: so it is looked at again.
    """
    if isinstance(error, SourceError):
        return "unavailable"
    return error.kind if isinstance(error, ExportError) else "bug"


def _is_stopped(context: Context, export: RegisteredExport) -> bool:
    current = context.ledger.exports.get(export.name)
    return current is not None and current.state == "stopped"


def _step(
    context: Context,
    job: ExportJob | None,
    export: RegisteredExport,
    fact_of: Callable[[Sequence[Failure]], Fact],
    window: Window | None = None,
) -> Step:
    """How a fact changes what the export has trouble with, what tells it, and what it ends."""
    notifier = Notifier(context.settings, export, job.spec.owners if job else ())

    def step(before: Trouble | None, failures: Sequence[Failure]) -> Outcome:
        fact = fact_of(failures)
        after, tellings = advance(before, fact)
        about = fact.failure if isinstance(fact, Failed) else _of(failures, before)
        made = (_notice(context, notifier, it, window, about) for it in tellings)
        ends = any(isinstance(it, TellStopped) for it in tellings)
        notices = [notice for notice in made if notice is not None]
        return Outcome(after, notices, stopped_at=context.clock() if ends else None)

    return step


def _of(failures: Sequence[Failure], trouble: Trouble | None) -> Failure | None:
    """The last failure of the window that there is trouble with."""
    found = (it for it in failures if trouble and it.window_start == trouble.window_start)
    return next(found, None)


def _notice(
    context: Context,
    notifier: Notifier,
    telling: Telling,
    window: Window | None,
    failure: Failure | None,
) -> NewNotice | None:
    now = context.clock()
    if window is None or failure is None:
        return notifier.stopped(now) if not isinstance(telling, TellRecovered) else None
    match telling:
        case TellFailed(number, stops_at):
            return notifier.failed(failure, now, window, number, stops_at)
        case TellRecovered():
            return notifier.recovered(failure, now, window)
        case _:
            return notifier.stopped(now, failure)
