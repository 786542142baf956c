"""What every verb needs: the settings, the ledger, and what time it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from evexport_dagster.engine import connect, explained, scratch
from evexport_dagster.errors import SpecError
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import Ledger
from evexport_dagster.settings import PROJECT_FILE, Settings
from evexport_dagster.source import Lake, open_lake
from evexport_dagster.stores import Store, open_store

_SQLITE = "sqlite:///"


def system_clock() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


@dataclass
class Context:
    """An open project. The ledger is opened, and made, when it is first asked for."""

    settings: Settings
    clock: Callable[[], datetime] = system_clock
    _ledger: Ledger | None = field(default=None, repr=False)

    @property
    def ledger(self) -> Ledger:
        """The project's ledger."""
        if self._ledger is None:
            self._ledger = Ledger.open(self.settings.ledger_url())
        return self._ledger

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger already: looking at a project makes none."""
        url = self.settings.ledger_url()
        return not url.startswith(_SQLITE) or Path(url.removeprefix(_SQLITE)).exists()

    def within(self, settings: Settings) -> Context:
        """The same project with other settings; its ledger is this one's."""
        return Context(settings, self.clock, self.ledger)

    def close(self) -> None:
        """Close the ledger, if it was opened."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def store(self, job: ExportJob) -> Store:
        """The destination of an export, opened; raises SpecError where the project has none."""
        name = job.spec.destination
        if name not in self.settings.destinations:
            raise SpecError(
                f"{PROJECT_FILE} has no {job.destination.type} destination {name!r} any more, which"
                f" export {job.name!r} delivers to: put it back, or stop the export"
            )
        return open_store(name, self.settings.destinations[name])

    def scratch(self, purpose: str) -> AbstractContextManager[Path]:
        """An empty folder that is gone afterwards."""
        return scratch(Path(self.settings.runtime.scratch), purpose)

    @contextmanager
    def lake(self, source: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, Lake]]:
        """A source, opened on a connection of its own."""
        zone = self.settings.account.timezone
        with (
            explained(source),
            self.scratch("look") as folder,
            connect(self.settings.runtime, zone, folder) as con,
        ):
            lake = open_lake(
                con,
                source,
                self.settings.sources[source],
                self.settings.folder,
                self.settings.connection(source),
            )
            yield con, lake
