"""What came into sources since they were last looked into: new events, and late ones.

A source is opened once for all exports that read it, and for none of them where there is nothing
to look for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from evexport_dagster.engine import explained
from evexport_dagster.errors import ExportError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.discovery import discover_in
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.late import LateLook, Looked, look_into, watched
from evexport_dagster.ledger import RegisteredExport
from evexport_dagster.source import Lake


@dataclass(frozen=True)
class Watched:
    """An export as it runs, and how far was looked for it before."""

    context: Context
    job: ExportJob
    export: RegisteredExport
    before: Looked

    @property
    def name(self) -> str:
        """The export's name."""
        return self.job.name

    @property
    def takes_new_events(self) -> bool:
        """Whether events that are new in the source join it."""
        return self.job.listed_events is None and self.export.state == "active"

    @property
    def needs_source(self) -> bool:
        """Whether there is anything to look for."""
        return self.takes_new_events or bool(
            watched(self.context, self.job, self.export, self.before)
        )


def watch(exports: Iterable[Watched]) -> dict[str, LateLook | ExportError]:
    """Register new events and look for late ones; what was found by the name of each export, or
    why that could not be looked for."""
    found: dict[str, LateLook | ExportError] = {}
    by_source: dict[tuple[int, str], list[Watched]] = defaultdict(list)
    for it in exports:
        if it.needs_source:
            # Two contexts can mean different things by one name of a source.
            by_source[id(it.context), it.job.spec.source].append(it)
        else:
            found[it.name] = LateLook(seen_to=it.before.since)
    for sharing in by_source.values():
        context, source = sharing[0].context, sharing[0].job.spec.source
        try:
            with context.lake(source) as (con, lake):
                found |= {it.name: _apart(con, lake, it) for it in sharing}
        except ExportError as error:
            found |= {it.name: error for it in sharing}
    return found


def _apart(con: duckdb.DuckDBPyConnection, lake: Lake, it: Watched) -> LateLook | ExportError:
    """Look for one export; what was arranged for it is gone afterwards."""
    con.begin()
    try:
        with explained(it.job.spec.source):
            if it.takes_new_events:
                newest = it.context.ledger.histories.last_window(it.export.export_id)
                since = newest[0] if newest else None
                discover_in(con, it.context, it.job, it.export, since)
            return look_into(con, lake, it.context, it.job, it.export, it.before)
    except ExportError as error:
        return error
    finally:
        con.rollback()
