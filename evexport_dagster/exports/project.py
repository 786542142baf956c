"""A project, opened: the verbs in Python, typed values in and out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from evexport_dagster.errors import RefusedError, SpecError
from evexport_dagster.exports import (
    checks,
    discovery,
    due,
    history,
    listing,
    previews,
    registration,
    runs,
    troubles,
    turns,
)
from evexport_dagster.exports.checks import CheckResult
from evexport_dagster.exports.context import Context, system_clock
from evexport_dagster.exports.history import ExportDetail
from evexport_dagster.exports.jobs import ExportJob, family_of, jobs_of
from evexport_dagster.exports.late import LateLook
from evexport_dagster.exports.listing import ExportFilter, ExportPage, Paging
from evexport_dagster.exports.migration import LayoutDifference, layout_difference
from evexport_dagster.exports.previews import Preview
from evexport_dagster.exports.registration import Edited
from evexport_dagster.exports.results import RunResult
from evexport_dagster.exports.unattended import Unattended
from evexport_dagster.ledger import Event, Receipt, RegisteredExport
from evexport_dagster.notify import Sent, open_channels
from evexport_dagster.plan import Progress, Task
from evexport_dagster.settings import Settings, load_settings
from evexport_dagster.spec.load import LoadedSpec, load_specs

OnProgress = Callable[[Progress], None]
_PYTHON_RUN = "python"


def load_project(folder: Path | str, clock: Callable[[], datetime] = system_clock) -> Project:
    """Open a project folder; raises SpecError where its `evexport.yaml` is wrong.

    Wrong files under `exports/` do not keep the others from being used: see `Project.broken`.
    """
    settings = load_settings(folder)
    specs, broken = load_specs(settings.folder, settings)
    return Project(Context(settings, clock), specs, broken)


class Project:
    """The exports of a project folder. Close it, or use it as a context manager.

    Every verb raises the errors of `evexport_dagster.errors`.
    """

    def __init__(
        self,
        context: Context,
        specs: dict[str, LoadedSpec],
        broken: dict[str, SpecError],
        *,
        alone: bool = False,
    ) -> None:
        self._context = context
        self.specs, self.broken = specs, broken
        self._jobs = {name: jobs_of(loaded, context.settings) for name, loaded in specs.items()}
        self.unattended = Unattended(context, {job.name: job for job in self.jobs()}, alone=alone)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger."""
        self._context.close()

    @property
    def settings(self) -> Settings:
        """What all exports of the project share."""
        return self._context.settings

    def jobs(self) -> tuple[ExportJob, ...]:
        """Every export of the spec files, those of histories included."""
        return tuple(job for jobs in self._jobs.values() for job in jobs)

    def job(self, name: str) -> ExportJob:
        """The export of this name; raises SpecError where there is none, or its file is wrong."""
        return self._family(name)[0]

    def in_force(self, name: str) -> ExportJob:
        """The export as it runs: as it is registered; as its file says while it is not."""
        return self.unattended.job(name) or self.job(name)

    def registered(self, name: str) -> RegisteredExport | None:
        """The export as the ledger has it, where it is registered."""
        return registration.registered(self._context, name)

    def events(self, name: str) -> tuple[Event, ...]:
        """The registered events of an export, the one seen first first."""
        export = self.registered(name)
        return self._context.ledger.events.of(export.export_id) if export else ()

    def create(self, name: str) -> tuple[RegisteredExport, ...]:
        """Register an export and the one of its history: ids, revision 1, columns, events.

        One that is registered already with this meaning is given as it is, beside a history that
        its file got later.
        """
        job, family = self._family(name)
        registration.ensure_current(self._context, family, job)
        later = [member for member in family if self.registered(member.name) is None]
        if later:
            registration.create(self._context, later)
        known = (self.registered(member.name) for member in family)
        return tuple(export for export in known if export is not None)

    def edit(self, name: str) -> Edited:
        """Register the changed spec as the next revision."""
        return registration.edit(self._context, self.job(name))

    def ensure_current(self, name: str) -> RegisteredExport:
        """The registered export, created if it is new; raises where the spec has changed."""
        job, family = self._family(name)
        return registration.ensure_current(self._context, family, job)

    def discover(self, name: str, *, lately: bool = False) -> tuple[Event, ...]:
        """Register the source's new events of an export that takes them; gives the new ones.

        `lately` looks no further back than the newest delivered window, which is cheap enough
        to be done every minute.
        """
        return self.unattended.discover(name, lately=lately)

    def look_for_late(self, name: str) -> LateLook:
        """Look for rows that came after their window was delivered, and keep what was found.

        With the policy `replace` they are `missing` from then on. Nothing for an export that is
        not registered.
        """
        return self.unattended.look_for_late(name)

    def missing(self, name: str, events: Sequence[str] | None = None) -> tuple[Task, ...]:
        """What has ended and was not delivered yet, or not with its late rows: a task a window,
        in time order.

        Removes stale objects and puts manifests that a killed run had no time for.
        """
        export, job = self.ensure_current(name), self.job(name)
        self.discover(name)
        runs.finish_left(self._context, job, export)
        return due.missing(self._context, job, export, events)

    def touched(
        self,
        name: str,
        from_: datetime | None,
        to: datetime | None,
        events: Sequence[str] | None = None,
    ) -> tuple[Task, ...]:
        """The windows that touch [from_, to), to be delivered whole, again where they were."""
        export = self.ensure_current(name)
        self.discover(name)
        return due.touched(self._context, self.job(name), export, (from_, to), events)

    def deliver(
        self, task: Task, *, run_id: str, on_progress: OnProgress | None = None
    ) -> tuple[Receipt, ...]:
        """Deliver one window as it is registered; gives the receipts of exactly the task's events.

        An export that is not registered is created; whether its file has changed since, whoever
        asks for tasks has looked at.
        """
        export = self.registered(task.export) or self.ensure_current(task.export)
        context, job = self.unattended.of(export)
        now = self._context.clock()
        if task.window.end + job.settle > now:
            raise RefusedError(f"export {task.export!r}: {task.window} has not ended and settled")
        known = {event.name for event in self.events(task.export)}
        new = [name for name in task.events if name not in known]
        discovery.register_events(self._context, export, [(name, None) for name in new])
        progress = on_progress or (lambda _: None)
        receipts = runs.deliver(context, job, export, task, run_id, progress)
        self.unattended.finish(task.export)
        return receipts

    def run(
        self,
        name: str,
        from_: datetime | None = None,
        to: datetime | None = None,
        events: Sequence[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> RunResult:
        """Deliver what is missing, late rows included, or with a range what touches it, window by
        window."""
        ranged = from_ is not None or to is not None
        if not ranged:
            self.look_for_late(name)
        tasks = self.touched(name, from_, to, events) if ranged else self.missing(name, events)
        receipts = [
            receipt
            for task in tasks
            for receipt in self.deliver(task, run_id=_PYTHON_RUN, on_progress=on_progress)
        ]
        return self.result(name, receipts)

    def result(self, name: str, receipts: Sequence[Receipt]) -> RunResult:
        """What a run delivered, with the export's state behind it."""
        export = self.ensure_current(name)
        status = listing.status(self._context, export)
        assert status is not None
        return RunResult(name, export.export_id, export.revision.number, status, tuple(receipts))

    def to_display(self, name: str) -> tuple[Receipt, ...]:
        """The receipts that the Dagster UI may not show yet."""
        export = self.registered(name)
        return tuple(self._context.ledger.deliveries.to_display(export.export_id)) if export else ()

    def mark_displayed(self, receipts: Sequence[Receipt]) -> None:
        """The Dagster UI shows these receipts."""
        self._context.ledger.deliveries.mark_displayed(receipts)

    def preview(
        self,
        name: str,
        event: str | None = None,
        rows: int = 3,
        window_start: datetime | None = None,
    ) -> Preview:
        """Paths, columns and records on real rows; writes nothing."""
        return previews.preview(self._context, self.job(name), event, rows, window_start)

    def diff_layout(
        self,
        name: str,
        event: str | None = None,
        rows: int = 1000,
        window_start: datetime | None = None,
    ) -> LayoutDifference:
        """What a consumer of legacy files has to change, on real rows; writes nothing."""
        return layout_difference(self._context, self.job(name), event, rows, window_start)

    def check(self, name: str | None = None) -> tuple[CheckResult, ...]:
        """Whether exports could run: their specs, sources and destinations."""
        jobs = self.jobs() if name is None else (self.job(name),)
        results = [result for job in jobs for result in checks.check(self._context, job)]
        if name is None:
            results += [CheckResult(f, "spec", False, str(e), e) for f, e in self.broken.items()]
        return tuple(results)

    def list(
        self, *, page: int = 1, per_page: int = 20, **wanted: Unpack[ExportFilter]
    ) -> ExportPage:
        """One page of the exports that are wanted, as they run: those of the files, then those
        that only the ledger knows."""
        every = listing.listed(self._context, self.jobs())
        return listing.page_of(self._context, every, wanted, Paging(page, per_page))

    def show(self, name: str, *, page: int = 1, per_page: int = 10) -> ExportDetail:
        """One export with its history, one page of its windows, the newest first."""
        export = self.registered(name)
        if export is None:
            shown = listing.of_job(self._context, self.job(name))
        else:
            shown = listing.of_revision(export)
        return history.detail(self._context, shown, Paging(page, per_page))

    def stop(self, name: str) -> RegisteredExport:
        """Stop an export for ever; what was delivered stays."""
        export = self.registered(name)
        if export is None:
            raise RefusedError(f"export {name!r} is not registered: there is nothing to stop")
        written = {job.name: job for job in self.jobs()}.get(name)
        return troubles.stop(self._context, written, export)

    @property
    def tells_people(self) -> bool:
        """Whether the project tells anybody what happens to its exports."""
        return bool(open_channels(self.settings.notifications))

    def send_notices(self) -> Sent:
        """Tell people what is due, for some seconds at most; whom it does not reach, it says."""
        return turns.send(self._context) if self.tells_people else Sent(0, ())

    def _family(self, name: str) -> tuple[ExportJob, tuple[ExportJob, ...]]:
        return family_of(name, self._jobs.values(), self.broken)
