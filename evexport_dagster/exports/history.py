"""One export and its past: revisions, windows, what was begun, what failed, and its end."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

from evexport_dagster.exports.context import Context
from evexport_dagster.exports.listing import ExportRow, Listed, Paging, row
from evexport_dagster.exports.schemas import ReceiptKey, SchemaReport, schema_reports
from evexport_dagster.ledger import (
    Attempt,
    Event,
    Failure,
    Late,
    Receipt,
    RegisteredExport,
    Revision,
)
from evexport_dagster.record_schema import Drift
from evexport_dagster.spec.model import Recurring
from evexport_dagster.spec.revisions import difference
from evexport_dagster.windows import Window, window_containing

WindowState = Literal["delivered", "begun", "failed"]


@dataclass(frozen=True)
class WindowHistory:
    """What became of one window: receipts that stand, deliveries that were begun and are not
    recorded, failures since it last succeeded."""

    window: Window
    receipts: tuple[Receipt, ...]
    attempts: tuple[Attempt, ...]
    failures: tuple[Failure, ...]

    @property
    def state(self) -> WindowState:
        """What a person looks for first."""
        if self.failures:
            return "failed"
        return "begun" if self.attempts else "delivered"


@dataclass(frozen=True)
class ExportDetail:
    """One export with its history, one page of windows, the newest first.

    `changes` holds what each revision but the first changed, a line each, by its number.
    `schemas` says what the records of deliveries can hold, and what changed in it.
    `late` are rows that came after their delivery, and are in no receipt yet. `stopped_at` is when
    it was stopped for ever; `total` counts the windows of all pages.
    """

    row: ExportRow
    place: Mapping[str, Any]
    revisions: tuple[Revision, ...]
    changes: Mapping[int, tuple[str, ...]]
    events: tuple[Event, ...]
    windows: tuple[WindowHistory, ...]
    late: tuple[Late, ...]
    stopped_at: datetime | None
    page: int
    pages: int
    total: int
    schemas: Mapping[ReceiptKey, SchemaReport] = field(default_factory=dict)

    def drift(self, receipt: Receipt) -> Drift | None:
        """What changed in a delivery on this page; None where it cannot be told."""
        report = self.schemas.get((receipt.window_start, receipt.event))
        return report.drift if report else None

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Those of the windows on this page."""
        return tuple(receipt for window in self.windows for receipt in window.receipts)


def detail(context: Context, listed: Listed, paging: Paging) -> ExportDetail:
    """An export with its past; one that is not registered has none."""
    shown, export = row(context, listed), listed.export
    if export is None:
        return ExportDetail(shown, listed.place, (), {}, (), (), (), None, paging.page, 1, 0)
    revisions = context.ledger.exports.revisions(export.export_id)
    total = context.ledger.histories.count(export.export_id)
    windows = _windows(context, listed, export, paging)
    receipts = [receipt for window in windows for receipt in window.receipts]
    return ExportDetail(
        row=shown,
        place=listed.place,
        revisions=revisions,
        changes={
            newer.number: tuple(difference(_meaning(older), _meaning(newer)))
            for older, newer in pairwise(revisions)
        },
        events=context.ledger.events.of(export.export_id),
        windows=windows,
        late=context.ledger.late.of(export.export_id),
        stopped_at=export.state_at if export.state == "stopped" else None,
        page=paging.page,
        pages=paging.pages(total),
        total=total,
        schemas=schema_reports(context.ledger, export.export_id, receipts),
    )


def _windows(
    context: Context, listed: Listed, export: RegisteredExport, paging: Paging
) -> tuple[WindowHistory, ...]:
    histories, export_id = context.ledger.histories, export.export_id
    starts = histories.windows(export_id, paging.per_page, paging.offset)
    attempts = histories.attempts(export_id, starts)
    receipts: dict[datetime, list[Receipt]] = defaultdict(list)
    for receipt in histories.receipts(export_id, starts):
        receipts[receipt.window_start].append(receipt)
    failures: dict[datetime, list[Failure]] = defaultdict(list)
    for failure in context.ledger.failures.of(export_id):
        failures[failure.window_start].append(failure)
    schedule = listed.spec.schedule
    cadence = schedule.every if isinstance(schedule, Recurring) else 24
    # The zone is never edited; a project that moved keeps the windows of its exports.
    zone = ZoneInfo(_meaning(export.revision)["account"]["timezone"])
    return tuple(
        WindowHistory(
            window=window_containing(start, cadence, zone),
            receipts=tuple(receipts[start]),
            attempts=attempts.get(start, ()),
            failures=tuple(failures[start]),
        )
        for start in starts
    )


def _meaning(revision: Revision) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(revision.meaning)["meaning"]
    return held
