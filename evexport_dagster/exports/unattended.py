"""Exports as they run by themselves: by what is registered, whatever their files have become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from evexport_dagster.errors import ExportError, RefusedError, StoppedError
from evexport_dagster.exports import discovery, due, late, registration, runs, troubles, turns
from evexport_dagster.exports.agenda import Agenda
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.in_force import in_force
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.late import LateLook, Looked
from evexport_dagster.exports.leases import is_alive
from evexport_dagster.exports.planner import Facts, is_done
from evexport_dagster.exports.schemas import ReceiptKey, SchemaReport, schema_reports
from evexport_dagster.exports.watch import Watched, watch
from evexport_dagster.ledger import Event, Receipt, RegisteredExport
from evexport_dagster.plan import Task
from evexport_dagster.windows import Window


class Unattended:
    """The exports of an open project; `written` are those of its files, by name.

    `alone`: no others are there, whatever the ledger knows.
    """

    def __init__(
        self, context: Context, written: Mapping[str, ExportJob], *, alone: bool = False
    ) -> None:
        self._context, self._written, self._alone = context, written, alone
        # A revision never changes, nor does what was written while the project is open.
        self._in_force: dict[tuple[int, int], tuple[Context, ExportJob]] = {}
        self._agenda = Agenda(context, opened_at=context.clock())

    def jobs(self) -> tuple[ExportJob, ...]:
        """Every export as it runs: those of the files, and active ones whose file is wrong or
        gone."""
        found = dict(self._written)
        known = self._context.ledger.exports.registered() if self._context.has_ledger else ()
        for export in known:
            is_left = export.state == "active" and not self._alone
            if export.name in self._written or is_left:
                found[export.name] = self.of(export)[1]
        return tuple(found.values())

    def job(self, name: str) -> ExportJob | None:
        """The export as it runs: as it is registered; as its file says while it is not."""
        export = registration.registered(self._context, name)
        return self.of(export)[1] if export else self._written.get(name)

    def of(self, export: RegisteredExport) -> tuple[Context, ExportJob]:
        """A registered export, and the project, as its revision means them."""
        key = (export.export_id, export.revision.number)
        if key not in self._in_force:
            written = self._written.get(export.name)
            self._in_force[key] = in_force(self._context, export, written)
        return self._in_force[key]

    def discover(self, name: str, *, lately: bool) -> tuple[Event, ...]:
        """Register the source's new events of an export that takes them; gives the new ones."""
        export = registration.registered(self._context, name)
        if export is None or export.state != "active":
            return ()
        context, job = self.of(export)
        newest = context.ledger.histories.last_window(export.export_id) if lately else None
        return discovery.discover(context, job, export, since=newest[0] if newest else None)

    def look_for_late(self, name: str, since: datetime | None = None) -> LateLook:
        """Look for rows that came after their window was delivered; see `exports/late.py`."""
        export = registration.registered(self._context, name)
        if export is None:
            return LateLook()
        context, job = self.of(export)
        return late.look(context, job, export, Looked(since))

    def watch(self, looked: Mapping[str, Looked]) -> dict[str, LateLook | ExportError]:
        """Look into the sources of these exports, as far as they are registered, for what is new
        since they were `looked` into; see `exports/watch.py`."""
        known = self._context.ledger.exports.registered() if self._context.has_ledger else ()
        return watch(
            Watched(*self.of(it), it, looked[it.name]) for it in known if it.name in looked
        )

    def facts(
        self, name: str, *, queued: bool, settings_at: datetime | None = None
    ) -> Facts | None:
        """What the ledger knows of an export, for the planner; None where it is not registered.

        `queued` tells that a run of it waits or works, `settings_at` when the settings of the
        project changed: by default when it was opened.
        """
        export = registration.registered(self._context, name)
        if export is None:
            return None
        job = self.of(export)[1]
        return self._agenda.facts(job, export, queued=queued, settings_at=settings_at)

    def column_versions(self, name: str) -> Mapping[str, int]:
        """The newest version of the column list of each event of an export."""
        export = registration.registered(self._context, name)
        if export is None:
            return {}
        lists = self._context.ledger.events.columns(export.export_id)
        return {event: held.version for event, held in lists.items()}

    def schemas(self, receipts: Sequence[Receipt]) -> Mapping[ReceiptKey, SchemaReport]:
        """What the records of deliveries of one export can hold, and what changed in it."""
        if not receipts:
            return {}
        return schema_reports(self._context.ledger, receipts[0].export_id, receipts)

    def runs_at_work(self) -> dict[str, bool]:
        """The runs that hold a window, by id, and whether they keep their lease up."""
        if not self._context.has_ledger:
            return {}
        ledger, found = self._context.ledger, dict[str, bool]()
        for export in ledger.exports.registered():
            for lease in ledger.leases.holders(export.export_id):
                run_id = lease.holder.partition("/")[0]
                found[run_id] = found.get(run_id, False) or is_alive(self._context, lease)
        return found

    @property
    def opened_at(self) -> datetime:
        """When the project was opened."""
        return self._agenda.opened_at

    def now(self) -> datetime:
        """What time it is, by the project's clock."""
        return self._context.clock()

    def rest_of(self, name: str, window: Window, run_id: str) -> tuple[Task, ...]:
        """What a window of a registered export still lacks, events that are new included.

        It closes what killed runs left open. What fails is recorded as a failure of the window.
        Raises StoppedError for an export that is stopped.
        """
        export = registration.registered(self._context, name)
        if export is None:
            raise RefusedError(f"export {name!r} is not registered: `evexport create {name}`")
        if export.state == "stopped":
            raise StoppedError(f"export {name!r} is stopped, for ever")
        context, job = self.of(export)
        with troubles.failures_recorded(context, job, export, window, run_id):
            self.discover(name, lately=True)
            runs.finish_left(context, job, export)
            return due.rest_of(context, job, export, window)

    def missing_in(self, name: str, window: Window) -> tuple[Task, ...]:
        """What of a window is not delivered yet, as far as the ledger knows its events."""
        export = registration.registered(self._context, name)
        if export is None:
            return ()
        return due.rest_of(*self.of(export), export, window)

    def forget_left(self, name: str) -> None:
        """Forget failures of windows that are delivered, where a killed run had no time for it."""
        export = registration.registered(self._context, name)
        if export is not None and export.state != "stopped":
            runs.forget_left(*self.of(export), export)

    def finish(self, name: str) -> bool:
        """Call an export that ends with its last window done, for ever, if nothing is missing.

        Whoever asks has looked for new events; gives whether it is done now.
        """
        facts = self.facts(name, queued=False)
        done = facts is not None and is_done(facts, self._context.clock())
        export = registration.registered(self._context, name)
        if done and export is not None:
            turns.finish(*self.of(export), export)
        return done
