"""The column lists of a window's events: what they will be, and their commitment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from evexport_dagster.columns import ColumnPlan, KnownNames
from evexport_dagster.deliver import CommittedColumns
from evexport_dagster.exports.context import Context
from evexport_dagster.ledger import RegisteredExport
from evexport_dagster.query.survey import EventSurvey
from evexport_dagster.spec.model_events import Events
from evexport_dagster.windows import Window


@dataclass(frozen=True)
class ColumnLists:
    """The lists for one attempt to deliver a window, which a holder has.

    A retry keeps the version of its first attempt. Else what is new goes to the end of the list,
    unless it is locked.
    """

    context: Context
    choices: Events
    export: RegisteredExport
    window: Window
    holder: str

    def plans(self, events: Collection[str]) -> dict[str, ColumnPlan]:
        """What the columns of these events follow from."""
        pending = self.context.ledger.attempts.pending(
            self.export.export_id, self.window.start, self.export.revision.number
        )
        known = self.context.ledger.events.columns(self.export.export_id)
        versions = {
            name: pending[name].column_version if name in pending else known[name].version
            for name in events
        }
        return {
            name: ColumnPlan(
                self.choices.choice(name),
                it,
                grows=name not in pending and self._takes_names(name, versions[name]),
            )
            for name, it in self._known(versions).items()
        }

    def commit(self, surveys: Mapping[str, EventSurvey]) -> dict[str, CommittedColumns]:
        """Commit the list of each event, given its survey."""
        events, export_id = self.context.ledger.events, self.export.export_id
        versions = {name: it.version for name, it in events.columns(export_id).items()}
        additions = {
            name: list(survey.names)
            for name, survey in surveys.items()
            if self._takes_names(name, versions[name])
        }
        appended = events.append_columns(export_id, additions)
        versions = {name: versions[name] for name in surveys}
        versions |= {name: it.version for name, it in appended.items()}
        attempts = self.context.ledger.attempts.begin(
            export_id,
            self.window.start,
            # A list without a name would bind the retry to no columns at all.
            [name for name in surveys if versions[name]],
            self.export.revision.number,
            self.holder,
            self.context.clock(),
        )
        versions |= {name: attempt.column_version for name, attempt in attempts.items()}
        return {
            name: CommittedColumns(
                ColumnPlan(self.choices.choice(name), it, grows=False).columns(),
                version=versions[name],
                locked=self.choices.choice(name).schema_updates == "lock",
            )
            for name, it in self._known(versions).items()
        }

    def _takes_names(self, name: str, version: int) -> bool:
        return self.choices.choice(name).schema_updates == "append" or not version

    def _known(self, versions: Mapping[str, int]) -> dict[str, KnownNames]:
        """The names of the lists in these versions."""
        events, export_id = self.context.ledger.events, self.export.export_id
        lists = events.columns(export_id, versions)
        firsts = events.columns(export_id, {name: min(1, it) for name, it in versions.items()})
        return {
            name: KnownNames(it.names, it.at_creation, at_first=len(firsts[name].names))
            for name, it in lists.items()
        }
