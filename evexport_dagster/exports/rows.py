"""The rows that an export takes of its source: events, or profiles in their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from evexport_dagster.errors import RefusedError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import NewlyKnown, RegisteredExport
from evexport_dagster.query.privacy import protect
from evexport_dagster.query.profiles import (
    DUPLICATES,
    WITHOUT_ID,
    Taking,
    keep_all_known,
    keep_known,
    require_updates,
    show_profiles,
    take_profiles,
)
from evexport_dagster.query.stage import check_predicate
from evexport_dagster.source import EVENTS_VIEW, PROFILES_VIEW, Lake, unplaceable_rows
from evexport_dagster.windows import Window

UNPLACEABLE: Final = "rows_without_name_or_time_in_source"
OF_WHOLE_SOURCE: Final = frozenset({UNPLACEABLE, DUPLICATES, WITHOUT_ID})
"""What every receipt counts in the whole source, whatever its window is."""

MOST_FILES: Final = 48
"""The files with what is known of profiles, before they become one."""


def look(con: duckdb.DuckDBPyConnection, lake: Lake, job: ExportJob) -> None:
    """Show an open source as an export sees it; all profiles stand at the export's first instant.

    Raises:
        SpecError: the predicate does not fit, or a field is hashed without a key.
        SourceError: a recurring export cannot tell which profiles changed.
    """
    of_profiles = job.spec.type == "profiles"
    if of_profiles:
        require_updates(lake, job.spec)
    view = PROFILES_VIEW if of_profiles else EVENTS_VIEW
    check_predicate(con, job.spec.where, job.file.name, view)
    protect(con, job.spec.pii)
    if of_profiles:
        show_profiles(con, job.start)


def refuse_beside_recurring(context: Context, job: ExportJob) -> None:
    """Raise RefusedError for a one-time export of profiles while a recurring one is active."""
    if job.spec.type != "profiles" or job.kind == "recurring":
        return
    for other in context.ledger.exports.registered():
        if (other.type, other.kind, other.state) == ("profiles", "recurring", "active"):
            raise RefusedError(
                f"export {job.name!r} does not run once while {other.name!r} exports profiles"
                f" regularly: stop that first (`evexport stop {other.name}`)"
            )


@dataclass
class WindowSource:
    """The rows of one window of an export; `revision` and `export_id` are those of a registered
    one. `newly_known` is what a delivery of profiles makes known, once they were made ready."""

    context: Context
    job: ExportJob
    export: RegisteredExport | None
    window: Window
    newly_known: NewlyKnown | None = field(default=None, init=False)

    def ready(self, con: duckdb.DuckDBPyConnection, lake: Lake, folder: Path) -> dict[str, int]:
        """Make the rows ready, in the views of the source; gives what is odd about it."""
        if self.job.spec.type == "events":
            return {UNPLACEABLE: unplaceable_rows(con)}
        require_updates(lake, self.job.spec)
        known = self._known(folder)
        odd = take_profiles(con, self._taking(), tuple(known.values()))
        if self.job.kind == "recurring":
            self.newly_known = self._newly_known(con, folder, tuple(known))
        return odd

    def _taking(self) -> Taking:
        revision = self.export.revision.number if self.export else 1
        return Taking(self.job.spec, self.window, revision, is_full=not self._has_earlier())

    def _has_earlier(self) -> bool:
        """Whether an earlier window is delivered; the first one has every profile."""
        if self.export is None:
            return False
        first = self.context.ledger.windows.first_delivered(self.export.export_id)
        return first is not None and first < self.window.start

    def _known(self, folder: Path) -> dict[int, Path]:
        if self.export is None or self.job.kind != "recurring":
            return {}
        into = folder / "known"
        into.mkdir()
        return self.context.ledger.profiles.fetch(self.export.export_id, into)

    def _newly_known(
        self, con: duckdb.DuckDBPyConnection, folder: Path, numbers: tuple[int, ...]
    ) -> NewlyKnown:
        new, together = folder / "known.new", folder / "known.together"
        keep_known(con, self.window, new)
        if len(numbers) < MOST_FILES:
            return NewlyKnown(new)
        keep_all_known(con, together)
        return NewlyKnown(new, numbers, together)
