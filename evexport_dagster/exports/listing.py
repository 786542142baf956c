"""Exports as people look at them: a table of all, the history of one."""

from __future__ import annotations

from dataclasses import dataclass

from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.leases import is_alive
from evexport_dagster.exports.registration import registered
from evexport_dagster.ledger import Event, Failure, Late, Receipt, RegisteredExport, Revision
from evexport_dagster.lifecycle import Status, status_of
from evexport_dagster.windows import Window

_SHOWN_WINDOWS = 10


@dataclass(frozen=True)
class ExportRow:
    """One export in the table. `status` is None while it is not registered."""

    name: str
    export_id: int | None
    type: str
    format: str
    partner: str
    status: Status | None
    frequency: str
    last_delivered: Window | None
    last_failure: Failure | None


@dataclass(frozen=True)
class ExportDetail:
    """One export with its history; `receipts` are those of its newest windows, the last first.

    `late` are rows that came after their delivery, and are in no receipt yet.
    """

    row: ExportRow
    revisions: tuple[Revision, ...]
    events: tuple[Event, ...]
    receipts: tuple[Receipt, ...]
    late: tuple[Late, ...]


def row(context: Context, job: ExportJob) -> ExportRow:
    """The row of an export, registered or not."""
    export = registered(context, job.name)
    receipts = context.ledger.deliveries.newest(export.export_id, 1) if export else ()
    failures = context.ledger.failures.of(export.export_id) if export else ()
    last = receipts[0] if receipts else None
    return ExportRow(
        name=job.name,
        export_id=export.export_id if export else None,
        type=job.spec.type,
        format=job.spec.format,
        partner=job.destination.type,
        status=_status(context, export) if export else None,
        frequency=f"{job.cadence}h" if job.kind == "recurring" else "once",
        last_delivered=Window(last.window_start, last.window_end) if last else None,
        last_failure=failures[0] if failures else None,
    )


def detail(context: Context, job: ExportJob) -> ExportDetail:
    """An export with its revisions, its events and the receipts of its newest windows."""
    export = registered(context, job.name)
    if export is None:
        return ExportDetail(row(context, job), (), (), (), ())
    return ExportDetail(
        row=row(context, job),
        revisions=context.ledger.exports.revisions(export.export_id),
        events=context.ledger.events.of(export.export_id),
        receipts=context.ledger.deliveries.newest(export.export_id, _SHOWN_WINDOWS),
        late=context.ledger.late.of(export.export_id),
    )


def _status(context: Context, export: RegisteredExport) -> Status:
    leases = context.ledger.leases.holders(export.export_id)
    running = any(is_alive(context, lease) for lease in leases)
    return status_of(export.state, running=running)
