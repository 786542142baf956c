"""Which windows are due, and the delivery of one of them under its lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from evexport_dagster.deliver import Delivered, Promises, deliver_window
from evexport_dagster.errors import AccessError, BugError, ExportError, RefusedError
from evexport_dagster.exports.column_lists import ColumnLists
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.holders import new_holder
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.leases import held, taken
from evexport_dagster.ledger import DeliveredFile, Event, Receipt, RegisteredExport
from evexport_dagster.plan import PlannedEvent, Progress, Task, WindowPlan
from evexport_dagster.stores import Store
from evexport_dagster.windows import Window

OnProgress = Callable[[Progress], None]


def missing(
    context: Context, job: ExportJob, export: RegisteredExport, events: Sequence[str] | None
) -> tuple[Task, ...]:
    """A task for each ended window with events that were not delivered yet, in time order."""
    windows = list(job.ended(context.clock()))
    known = _chosen(context, job, export, events)
    recorded: dict[datetime, set[str]] = defaultdict(set)
    starts = [window.start for window in windows]
    for start, event in context.ledger.deliveries.recorded(export.export_id, starts):
        recorded[start].add(event)
    tasks = []
    for window in windows:
        due = [event.name for event in known if _is_due(event, window, recorded[window.start])]
        if due:
            tasks.append(Task(job.name, window, tuple(due), again=False))
    return tuple(tasks)


def touched(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    range_: tuple[datetime | None, datetime | None],
    events: Sequence[str] | None,
) -> tuple[Task, ...]:
    """A task for each window that touches a range, whatever was delivered before."""
    windows = job.touching(*range_, context.clock())
    names = tuple(event.name for event in _chosen(context, job, export, events))
    return tuple(Task(job.name, window, names, again=True) for window in windows) if names else ()


def _is_due(event: Event, window: Window, recorded: set[str]) -> bool:
    appeared = event.first_window is None or event.first_window <= window.start
    return appeared and event.name not in recorded


def _chosen(
    context: Context, job: ExportJob, export: RegisteredExport, events: Sequence[str] | None
) -> list[Event]:
    known = list(context.ledger.events.of(export.export_id))
    if job.listed_events is not None:
        known = [event for event in known if event.name in job.listed_events]
    if events is None:
        return known
    strange = [name for name in events if name not in {event.name for event in known}]
    if strange:
        there = ", ".join(repr(event.name) for event in known[:20]) or "none yet"
        raise RefusedError(f"export {job.name!r} has no event {strange[0]!r}; it has {there}")
    return [event for event in known if event.name in events]


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
        due = _still_due(context, export, task)
        if due:
            with _failures_recorded(context, export, task.window, run_id):
                run = _Run(context, job, export, task.window, holder, run_id, beat)
                run.deliver(due, on_progress)
    receipts = context.ledger.deliveries.receipts(export.export_id, task.window.start, task.events)
    if len(receipts) != len(task.events):
        raise BugError(f"export {job.name!r}: {len(task.events) - len(receipts)} receipts missing")
    return tuple(receipts)


def _still_due(context: Context, export: RegisteredExport, task: Task) -> tuple[str, ...]:
    if task.again:
        return task.events
    recorded = context.ledger.deliveries.recorded(export.export_id, [task.window.start])
    return tuple(name for name in task.events if (task.window.start, name) not in recorded)


@contextmanager
def _failures_recorded(
    context: Context, export: RegisteredExport, window: Window, run_id: str
) -> Iterator[None]:
    place = (export.export_id, window.start)
    try:
        yield
    except Exception as error:
        kind = error.kind if isinstance(error, ExportError) else "bug"
        context.ledger.failures.record(*place, kind, str(error), run_id, context.clock())
        raise
    context.ledger.failures.clear(*place)


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
        self.watermarks: dict[str, datetime | None] = {}

    def deliver(self, due: tuple[str, ...], on_progress: OnProgress) -> None:
        """Deliver these events, recording each as soon as it is published."""
        segments = {e.name: e.segment for e in self.context.ledger.events.of(self.export.export_id)}
        plan = WindowPlan(
            account=self.context.settings.account,
            export_id=self.export.export_id,
            revision=self.export.revision.number,
            spec=self.job.spec,
            window=self.window,
            events=tuple(PlannedEvent(name, segments[name]) for name in due),
        )
        lists = ColumnLists(
            self.context, self.job.spec.events, self.export, self.window, self.holder
        )
        promises = Promises(
            plans=partial(lists.plans, due),
            columns=lists.commit,
            claim=self._claim,
            beat=self.beat,
        )
        settings = self.context.settings
        for delivered in deliver_window(plan, settings, self.store, promises, on_progress):
            self._record(delivered)

    def _claim(self, keys: Sequence[str]) -> None:
        place = (self.export.export_id, self.store.fingerprint)
        taken = self.context.ledger.deliveries.keys_of_others(*place, keys)
        if taken:
            raise RefusedError(
                f"export {self.job.name!r} does not write {sorted(taken)[0]!r}:"
                " another export delivered it"
            )

    def _record(self, delivered: Delivered) -> None:
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
            first_event_time=survey.first,
            last_event_time=survey.last,
            watermark=survey.watermark,
            oddities=delivered.oddities,
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
        stale = self.context.ledger.deliveries.record(receipt, self.holder)
        remove_stale(self.context, self.export.export_id, self.store, stale)


def remove_stale(
    context: Context, export_id: int, store: Store, stale: Sequence[DeliveredFile]
) -> None:
    """Remove objects that former receipts had and the present ones have not, where that is
    allowed; the others stay known as stale."""
    removed = []
    for file in stale:
        if file.destination != store.fingerprint:
            continue
        try:
            store.delete(file.key)
        except AccessError:
            continue
        removed.append(file.key)
    if removed:
        context.ledger.deliveries.removed(export_id, store.fingerprint, removed)


def remove_left(context: Context, job: ExportJob, export: RegisteredExport) -> None:
    """Remove the stale objects that a run left because it was killed before it came to that.

    Only of windows that nobody delivers meanwhile: a stale key could be about to be used again.
    """
    deliveries, store = context.ledger.deliveries, context.store(job)
    for start in sorted({it.window_start for it in deliveries.stale(export.export_id)}):
        place = (export.export_id, start, new_holder("stale"))
        if not taken(context, *place):
            continue
        try:
            stale = deliveries.stale(export.export_id)
            left = [it.file for it in stale if it.window_start == start]
            remove_stale(context, export.export_id, store, left)
        finally:
            context.ledger.leases.release(*place)
