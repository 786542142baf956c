"""The delivery of one window under its lease, and what runs that were killed left undone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from evexport_dagster.deliver import Delivered, Promises, deliver_window
from evexport_dagster.errors import AccessError, BugError, RefusedError
from evexport_dagster.exports import due, manifests, troubles, turns
from evexport_dagster.exports.column_lists import ColumnLists
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.holders import new_holder
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.late import LATE_ROWS
from evexport_dagster.exports.leases import held, taken
from evexport_dagster.exports.rows import WindowSource, refuse_beside_recurring
from evexport_dagster.ledger import DeliveredFile, Receipt, RegisteredExport
from evexport_dagster.plan import PlannedEvent, Progress, Task, WindowPlan
from evexport_dagster.stores import Store
from evexport_dagster.windows import Window

OnProgress = Callable[[Progress], None]
_log = logging.getLogger(__name__)


def deliver(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    task: Task,
    run_id: str,
    on_progress: OnProgress,
) -> tuple[Receipt, ...]:
    """Deliver one window; gives the receipts of exactly the task's events.

    Waits while another run holds the window, and then takes only what is still missing.
    """
    holder = new_holder(run_id)

    def on_wait() -> None:
        on_progress(Progress(job.name, task.window, "waiting"))

    with held(context, job, export, task.window, holder, on_wait) as beat:
        events = _still_due(context, export, task)
        if events:
            with troubles.outcome_recorded(context, job, export, task.window, run_id):
                refuse_beside_recurring(context, job)
                run = _Run(context, job, export, task.window, holder, run_id, beat)
                run.deliver(events, on_progress)
    receipts = context.ledger.deliveries.receipts(export.export_id, task.window.start, task.events)
    if len(receipts) != len(task.events):
        raise BugError(f"export {job.name!r}: {len(task.events) - len(receipts)} receipts missing")
    return tuple(receipts)


def _still_due(context: Context, export: RegisteredExport, task: Task) -> tuple[str, ...]:
    if task.again:
        return task.events
    recorded = context.ledger.deliveries.recorded(export.export_id, [task.window.start])
    return tuple(name for name in task.events if (task.window.start, name) not in recorded)


class _Run:
    """One attempt to deliver a window that is held."""

    def __init__(
        self,
        context: Context,
        job: ExportJob,
        export: RegisteredExport,
        window: Window,
        holder: str,
        run_id: str,
        beat: Callable[[], None],
    ) -> None:
        self.context, self.job, self.export, self.window = context, job, export, window
        self.holder, self.run_id, self.beat = holder, run_id, beat
        self.store = context.store(job)
        noticed = context.ledger.late.of(export.export_id, window.start)
        self.late = {late.event: late.rows for late in noticed}
        self.source = WindowSource(context, job, export, window)

    def deliver(self, events: tuple[str, ...], on_progress: OnProgress) -> None:
        """Deliver these events, recording each as soon as it is published; the manifest last."""
        segments = {e.name: e.segment for e in self.context.ledger.events.of(self.export.export_id)}
        plan = WindowPlan(
            account=self.context.settings.account,
            export_id=self.export.export_id,
            revision=self.export.revision.number,
            spec=self.job.spec,
            window=self.window,
            events=tuple(PlannedEvent(name, segments[name]) for name in events),
            source_events=self.job.source_events,
        )
        lists = ColumnLists(
            self.context, self.job.spec.series, self.export, self.window, self.holder
        )
        promises = Promises(
            rows=self.source.ready,
            plans=partial(lists.plans, events),
            columns=lists.commit,
            claim=self._claim,
            beat=self.beat,
        )
        settings = self.context.settings
        place = (self.context, self.job, self.export, self.window, self.store, self.holder)
        manifests.expect(*place)
        turns.begin(*place[:4])
        missing = set(events)
        deliveries = deliver_window(plan, settings, self.store, promises, on_progress)
        # What cannot be recorded ends the uploads that are under way, too.
        with closing(deliveries):
            for delivered in deliveries:
                missing.discard(delivered.event.name)
                self._record(delivered, is_last=not missing)
        if manifests.is_due(*place[:4]):
            self.beat()
            manifests.renew(*place, turns.ended(*place[:4]))

    def _claim(self, keys: Mapping[str, Sequence[str]]) -> None:
        ledger, export_id, place = (
            self.context.ledger,
            self.export.export_id,
            self.store.fingerprint,
        )
        taken = ledger.deliveries.keys_of_others(export_id, place, [*chain(*keys.values())])
        if taken:
            raise RefusedError(
                f"export {self.job.name!r} does not write {sorted(taken)[0]!r}:"
                " another export delivered it"
            )
        ledger.announced.add(export_id, self.window.start, self.holder, place, keys)

    def _record(self, delivered: Delivered, *, is_last: bool) -> None:
        survey = delivered.survey
        receipt = Receipt(
            export_id=self.export.export_id,
            window_start=self.window.start,
            window_end=self.window.end,
            event=delivered.event.name,
            revision=self.export.revision.number,
            column_version=delivered.columns.version,
            rows=delivered.rows,
            source_rows=sum(survey.rows.values()),
            run_id=self.run_id,
            recorded_at=self.context.clock(),
            first_event_time=survey.first if self.job.spec.type == "events" else None,
            last_event_time=survey.last if self.job.spec.type == "events" else None,
            watermark=survey.watermark,
            oddities={**delivered.oddities, **self._late(delivered.event.name)},
            schema_hash=delivered.schema.hash if delivered.schema else None,
            files=tuple(
                DeliveredFile(
                    destination=self.store.fingerprint,
                    key=key,
                    instance=file.instance,
                    index=file.index,
                    rows=file.rows,
                    bytes=file.bytes,
                    sha256=file.sha256,
                )
                for key, file in delivered.files
            ),
        )
        notice = None
        if is_last and not self.job.spec.manifest:
            notice = turns.ended(self.context, self.job, self.export, self.window, receipt)
        record = self.context.ledger.deliveries.record
        stale = record(receipt, self.holder, notice, delivered.schema, self.source.newly_known)
        denied = remove_stale(self.context, self.export.export_id, self.store, stale)
        if denied:
            _log.warning(
                "%s (%s of its files are out of date, and named in the receipt of %r)",
                denied[0],
                len(denied),
                receipt.event,
            )

    def _late(self, event: str) -> dict[str, int]:
        """Why a window is delivered again: the rows that had come late."""
        return {LATE_ROWS: self.late[event]} if event in self.late else {}


def remove_stale(
    context: Context, export_id: int, store: Store, stale: Sequence[DeliveredFile]
) -> tuple[AccessError, ...]:
    """Remove objects that former receipts had and the present ones have not, where that is
    allowed; the others stay known as stale. Gives a refusal for each of these."""
    removed, denied = [], []
    for file in stale:
        if file.destination != store.fingerprint:
            continue
        try:
            store.delete(file.key)
        except AccessError as error:
            denied.append(error)
            continue
        removed.append(file.key)
    if removed:
        context.ledger.deliveries.removed(export_id, store.fingerprint, removed)
    return tuple(denied)


def finish_left(context: Context, job: ExportJob, export: RegisteredExport) -> None:
    """Remove the stale objects, and put the manifests, that a run left because it was killed
    before it came to that.

    Only of windows that nobody delivers meanwhile: a stale key could be about to be used again.
    """
    deliveries, store = context.ledger.deliveries, context.store(job)
    forget_left(context, job, export)
    for start in sorted({it.window_start for it in deliveries.stale(export.export_id)}):
        with _if_free(context, export, start) as holder:
            if holder is not None:
                stale = deliveries.stale(export.export_id)
                left = [it.file for it in stale if it.window_start == start]
                remove_stale(context, export.export_id, store, left)
    for manifest in context.ledger.manifests.outdated(export.export_id):
        with _if_free(context, export, manifest.window_start) as holder:
            receipts = deliveries.receipts(export.export_id, manifest.window_start)
            if holder is None or not receipts:
                continue
            window = Window(receipts[0].window_start, receipts[0].window_end)
            if manifests.is_due(context, job, export, window):
                with troubles.outcome_recorded(context, job, export, window, holder):
                    notice = turns.ended(context, job, export, window)
                    manifests.renew(context, job, export, window, store, holder, notice)


def forget_left(context: Context, job: ExportJob, export: RegisteredExport) -> None:
    """Forget the failures of windows that were delivered since, by runs that were killed before
    they came to that, and tell that these have recovered."""
    for start in sorted({it.window_start for it in context.ledger.failures.of(export.export_id)}):
        window = next(job.between(start, start + timedelta.resolution), None)
        if window is None or not _is_delivered_since(context, job, export, window):
            continue
        with _if_free(context, export, start) as holder:
            if holder is not None and _is_delivered_since(context, job, export, window):
                troubles.recovered(context, job, export, window, holder)


def _is_delivered_since(
    context: Context, job: ExportJob, export: RegisteredExport, window: Window
) -> bool:
    """Whether a window was delivered, and closed, after it failed last: not before that, as where
    somebody asked for it again."""
    ledger, place = context.ledger, (export.export_id, window.start)
    failed = [it.last_at for it in ledger.failures.of(place[0]) if it.window_start == window.start]
    recorded = [it.recorded_at for it in ledger.deliveries.receipts(*place)]
    if not failed or not recorded or max(recorded) <= max(failed):
        return False
    manifest = ledger.manifests.of(*place)
    is_closed = manifest is None or not manifest.outdated
    return is_closed and not due.rest_of(context, job, export, window)


@contextmanager
def _if_free(
    context: Context, export: RegisteredExport, window_start: datetime
) -> Iterator[str | None]:
    """Hold a window that nobody else holds; gives the holder, or None."""
    place = (export.export_id, window_start, new_holder("left"))
    if not taken(context, *place):
        yield None
        return
    try:
        yield place[2]
    finally:
        context.ledger.leases.release(*place)
