"""Whether an export could run: its source, its spec, its destination; nothing is created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import duckdb

from evexport_dagster.errors import ExportError, Kind
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.registration import check_creation, ensure_current, registered
from evexport_dagster.exports.rows import look, refuse_beside_recurring
from evexport_dagster.query.arrange import arrange
from evexport_dagster.source import Lake, event_names, profile_count, unplaceable_rows

Subject = Literal["source", "spec", "destination"]


@dataclass(frozen=True)
class CheckResult:
    """What one look found; `kind` is who acts next where it is not `ok`."""

    name: str
    subject: Subject
    ok: bool
    message: str
    error: ExportError | None = None

    @property
    def kind(self) -> Kind | None:
        """The kind of the error."""
        return None if self.error is None else self.error.kind


def check(context: Context, job: ExportJob) -> Iterator[CheckResult]:
    """The looks at one export: its spec, its source, its destination."""
    looks: tuple[tuple[Subject, Callable[[Context, ExportJob], str]], ...] = (
        ("spec", _spec),
        ("source", _source),
        ("destination", _destination),
    )
    for subject, found_by in looks:
        try:
            yield CheckResult(job.name, subject, True, found_by(context, job))
        except ExportError as error:
            yield CheckResult(job.name, subject, False, str(error), error)


def _spec(context: Context, job: ExportJob) -> str:
    export = registered(context, job.name)
    if export is None:
        check_creation(context, job, context.clock())
        if context.has_ledger:
            refuse_beside_recurring(context, job)
        return f"{job.file.name} is valid; the export is not registered yet"
    ensure_current(context, [job], job)
    return f"{job.file.name} is valid and means what revision {export.revision.number} says"


def _source(context: Context, job: ExportJob) -> str:
    with context.lake(job.spec.source) as (con, lake):
        look(con, lake, job)
        if job.spec.type == "profiles":
            return _profiles(con, lake, job)
        unplaceable = unplaceable_rows(con)
        arrange(con, lake, job.spec, job.source_events)
        end = job.end or context.clock()
        found = {name for name, _ in event_names(con, job.start, end)} if job.start < end else set()
    taken = found if job.listed_events is None else found & set(job.listed_events)
    absent = [name for name in job.listed_events or () if name not in found]
    notes = [f"{len(taken)} of its events since {job.first_day}"]
    notes += [f"none of {', '.join(map(repr, absent))} yet"] if absent else []
    notes += [f"{unplaceable} rows without a name or a time"] if unplaceable else []
    if "arrived_at" not in lake.event_columns:
        notes.append("without arrived_at late events are not noticed")
    return f"source {job.spec.source!r} can be read: {'; '.join(notes)}"


def _profiles(con: duckdb.DuckDBPyConnection, lake: Lake, job: ExportJob) -> str:
    notes = [f"{profile_count(con):,} profiles"]
    if job.spec.device and "device" not in lake.profile_columns:
        notes.append("without a device: the fields of `device` stay empty")
    return f"source {job.spec.source!r} can be read: {'; '.join(notes)}"


def _destination(context: Context, job: ExportJob) -> str:
    context.store(job).probe()
    return f"destination {job.spec.destination!r} can be written"
