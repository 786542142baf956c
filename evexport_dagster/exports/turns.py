"""When a window begins and ends to be told: a turn begins with `started` and ends with `completed`,
whatever fails and is tried again in between. One-time exports and histories have a single one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.notices import Notifier
from evexport_dagster.ledger import NewNotice, Receipt, RegisteredExport
from evexport_dagster.notify import Sent, open_channels, send_due
from evexport_dagster.windows import Window


def send(context: Context) -> Sent:
    """Tell people what is due, for some seconds at most; whom it does not reach, it says."""
    if not context.has_ledger:
        return Sent(0, ())
    settings = context.settings
    channels = open_channels(settings.notifications)
    return send_due(context.ledger, channels, settings.account.zone, context.clock)


@dataclass(frozen=True)
class _Turn:
    """The present turn of a window, and when it was begun, if it was."""

    number: int
    since: datetime | None


def notifier(context: Context, job: ExportJob, export: RegisteredExport) -> Notifier:
    """Makes the notices of an export; its owners are those that its file names now."""
    return Notifier(context.settings, export, job.spec.owners)


def begin(context: Context, job: ExportJob, export: RegisteredExport, window: Window) -> None:
    """Tell, once, that a window is being delivered; its holder calls."""
    said, now = notifier(context, job, export), context.clock()
    if job.kind != "recurring":
        context.ledger.notices.add(said.started(now))
        return
    turn = _turn_of(context, export, window)
    context.ledger.notices.add(said.started(now, window, turn.number))


def ended(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    window: Window,
    last: Receipt | None = None,
) -> NewNotice | None:
    """What tells that a window is complete, to be kept with the fact that makes it so: its `last`
    receipt, or its manifest. None where that was told, or is told of the whole export alone."""
    turn = _turn_of(context, export, window)
    if job.kind != "recurring" or turn.since is None:
        return None
    recorded = context.ledger.deliveries.receipts(export.export_id, window.start)
    receipts = [it for it in recorded if it.recorded_at >= turn.since]
    if last is not None:
        receipts = [*(it for it in receipts if it.event != last.event), last]
    said = notifier(context, job, export)
    return said.completed(receipts, context.clock(), window, turn.number)


def finish(context: Context, job: ExportJob, export: RegisteredExport) -> None:
    """Call a one-time export or a history done, and tell it."""
    totals = context.ledger.deliveries.totals(export.export_id)
    now = context.clock()
    done = notifier(context, job, export).done(totals, now)
    context.ledger.exports.set_state(job.name, "done", now, done)


def _turn_of(context: Context, export: RegisteredExport, window: Window) -> _Turn:
    notices = context.ledger.notices.of(export.export_id, window.start)
    completed = [it.position for it in notices if it.kind == "completed"]
    last = max(completed, default=0)
    begun = [it for it in notices if it.kind == "started" and it.position > last]
    return _Turn(len(completed) + 1, begun[0].created_at if begun else None)
