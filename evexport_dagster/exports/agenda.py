"""What the ledger knows of an export, for the planner; windows that are done are counted once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from evexport_dagster.exports.context import Context
from evexport_dagster.exports.due import belonging_to
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.leases import is_alive
from evexport_dagster.exports.planner import Facts
from evexport_dagster.ledger import RegisteredExport

_Key = tuple[int, int, int]


@dataclass
class Agenda:
    """The facts of a project's exports, which was opened at `opened_at`.

    It remembers up to where each export is delivered without a gap: as long as the revision and
    the events are the same, only what was begun again can open a gap before that.
    """

    context: Context
    opened_at: datetime
    _reached: dict[_Key, datetime] = field(default_factory=dict)

    def facts(
        self,
        job: ExportJob,
        export: RegisteredExport,
        *,
        queued: bool,
        settings_at: datetime | None = None,
    ) -> Facts:
        """The facts of a registered export; `queued` tells that a run of it waits or works, and
        `settings_at` when those of the project changed, if that was not when it was opened."""
        ledger, export_id, now = self.context.ledger, export.export_id, self.context.clock()
        listed = job.listed_events
        events = [it for it in ledger.events.of(export_id) if listed is None or it.name in listed]
        key = (export_id, export.revision.number, hash(tuple(it.first_window for it in events)))
        reached = self._reached.get(key, job.start)
        begun = {start for start in ledger.windows.begun(export_id) if start < reached}
        counts = ledger.windows.delivered(export_id, reached, listed, before=begun)
        belonging = belonging_to(events)
        windows = [window.start for window in job.between(min([reached, *begun]), now)]
        asked = [start for start in windows if start >= reached or start in begun]
        lacking = [start for start in asked if counts[start] != belonging(start)]
        self._reached[key] = next((start for start in lacking if start >= reached), reached)
        leases = ledger.leases.holders(export_id)
        return Facts(
            job=job,
            state=export.state,
            since=min(lacking, default=reached),
            changed_at=max(export.revision.created_at, settings_at or self.opened_at),
            whole=frozenset(windows).difference(lacking),
            late=frozenset(it.window_start for it in ledger.late.of(export_id) if it.reopens),
            unfinished=frozenset(it.window_start for it in ledger.manifests.outdated(export_id)),
            failures=ledger.failures.of(export_id),
            in_flight=queued or any(is_alive(self.context, lease) for lease in leases),
        )
