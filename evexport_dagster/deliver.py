"""The one loop that moves bytes: a window's events from the source to the destination.

    read a chunk ─> survey ─> render ─> spool ──(end)─> columns (committed) ─> count back ─┐
         ^ until the window is read                        record <─ publish, a few at once <┘

Each event of a window is recorded by itself, as soon as its files are published, so that a run
that breaks off repeats only what it had not recorded. Nothing is visible before the rows of the
whole pass were counted back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from evexport_dagster.columns import ColumnPlan, EventColumns
from evexport_dagster.engine import connect, explained, scratch
from evexport_dagster.errors import BugError
from evexport_dagster.first_records import Record, first_records
from evexport_dagster.formats import files, format_of
from evexport_dagster.plan import PlannedEvent, Progress, WindowPlan
from evexport_dagster.query.arrange import arrange
from evexport_dagster.query.privacy import protect, refuse_forbidden
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.survey import EventSurvey
from evexport_dagster.query.window import WindowRows
from evexport_dagster.record_schema import RecordSchema, record_schema
from evexport_dagster.settings import Settings
from evexport_dagster.source import Lake, open_lake
from evexport_dagster.spool import Spool, SpoolFile, rows_by_instance
from evexport_dagster.stores import Store, uploaded

NULS = "nul_characters"
LEFT_OUT = "left_out"
LATENESS = "lateness"


@dataclass(frozen=True)
class CommittedColumns:
    """The columns of an event for this attempt, and the version of the list they are made of."""

    columns: EventColumns
    version: int
    locked: bool


@dataclass(frozen=True)
class Promises:
    """What a delivery asks of whoever keeps the records.

    `rows` makes the rows that are exported ready, once the source is open, with a folder for what
    it needs; it gives what is odd about the source. `plans` gives what the columns of each event
    follow from. `columns` commits the column list of each event, given its survey, before anything
    is published. `claim` refuses keys that another export has delivered, and notes what is about to
    be put: the keys of each event. `beat` says that the run is alive, and raises when it must end.
    """

    rows: Callable[[duckdb.DuckDBPyConnection, Lake, Path], Mapping[str, int]]
    plans: Callable[[], Mapping[str, ColumnPlan]]
    columns: Callable[[Mapping[str, EventSurvey]], Mapping[str, CommittedColumns]]
    claim: Callable[[Mapping[str, Sequence[str]]], None]
    beat: Callable[[], None]


@dataclass(frozen=True)
class Delivered:
    """An event of a window, published: its survey, its columns, its (key, file)s, its oddities,
    and what its records can hold, where there are any."""

    event: PlannedEvent
    survey: EventSurvey
    columns: CommittedColumns
    files: tuple[tuple[str, SpoolFile], ...]
    oddities: Mapping[str, object]
    schema: RecordSchema | None

    @property
    def rows(self) -> int:
        """The records in its files."""
        return sum(file.rows for _, file in self.files)


def deliver_window(
    plan: WindowPlan,
    settings: Settings,
    store: Store,
    promises: Promises,
    on_progress: Callable[[Progress], None],
) -> Generator[Delivered, None, None]:
    """Deliver a window event by event; each is to be recorded before the next is asked for.

    Raises the errors of `errors`; what was yielded stays delivered. Of the rest a few whole files
    can be there, which the next attempt replaces. Closed early, it puts nothing more.
    """
    runtime = settings.runtime
    on_progress(Progress(plan.spec.name, plan.window, "reading"))
    with (
        explained(plan.spec.source),
        scratch(Path(runtime.scratch), f"{plan.export_id}-{plan.window.timestamp}") as folder,
        connect(runtime, plan.account.timezone, folder) as con,
        ThreadPoolExecutor(runtime.threads, "gzip") as pool,
    ):
        source = plan.spec.source
        lake = open_lake(
            con, source, settings.sources[source], settings.folder, settings.connection(source)
        )
        protect(con, plan.spec.pii)
        run = _Run(plan, store, promises, on_progress, promises.rows(con, lake, folder))
        arrange(con, lake, plan.spec, plan.source_events)
        todo = plan.events
        while todo:
            columns = promises.plans()
            plans = [columns[event.name] for event in todo]
            window = WindowRows(con, lake, _shape(plan, todo), plans)
            spool = _spool(folder, window, runtime.max_rows_per_file, pool)
            try:
                todo = yield from run.delivered(todo, window, spool)
            finally:
                spool.discard()
        run.tell("done")


@dataclass(frozen=True)
class _Run:
    """What the passes over a window have in common."""

    plan: WindowPlan
    store: Store
    promises: Promises
    on_progress: Callable[[Progress], None]
    odd: Mapping[str, int]

    def tell(
        self, stage: str, event: str | None = None, rows: int = 0, first: tuple[Record, ...] = ()
    ) -> None:
        self.on_progress(Progress(self.plan.spec.name, self.plan.window, stage, event, rows, first))

    def delivered(
        self, events: tuple[PlannedEvent, ...], window: WindowRows, spool: Spool
    ) -> Generator[Delivered, None, tuple[PlannedEvent, ...]]:
        """One pass over the window; returns the events that need another one, because their
        columns came to be others after the first of their records was made."""
        self._spool(window, spool)
        refuse_forbidden(window)
        surveys = window.surveys
        committed = self.promises.columns(
            {event.name: survey for event, survey in zip(events, surveys, strict=True)}
        )
        again = {
            number
            for number, event in enumerate(events)
            if not window.holds(number, committed[event.name].columns)
        }
        files = {
            number: tuple(of_event)
            for number, of_event in groupby(spool.finish(again), lambda it: it.event)
        }
        delivered = [
            self._made(
                window.shape,
                event,
                survey,
                committed[event.name],
                files.get(number, ()),
                window.odd_people(number) + Counter({NULS: spool.nuls[number]}),
            )
            for number, (event, survey) in enumerate(zip(events, surveys, strict=True))
            if number not in again
        ]
        self.promises.claim({it.event.name: [key for key, _ in it.files] for it in delivered})
        yield from uploaded(self._announced(delivered), self.store, self.promises.beat)
        return tuple(event for number, event in enumerate(events) if number in again)

    def _made(
        self,
        shape: RecordShape,
        event: PlannedEvent,
        survey: EventSurvey,
        columns: CommittedColumns,
        files: Sequence[SpoolFile],
        odd: Counter[str],
    ) -> Delivered:
        """What is to be published of an event; raises BugError where rows were lost on the way."""
        _check(event, survey, files)
        counted = Counter(survey.oddities) + odd + Counter(self.odd)
        lateness = {LATENESS: dict(survey.lateness)} if survey.lateness else {}
        said: dict[str, object] = {**counted, **_left_out(survey, columns), **lateness}
        schema = _schema(shape, survey, columns.columns)
        return Delivered(event, survey, columns, self._keyed(event, files), said, schema)

    def _keyed(
        self, event: PlannedEvent, files: Sequence[SpoolFile]
    ) -> tuple[tuple[str, SpoolFile], ...]:
        prefix = self.store.prefix
        return tuple((self.plan.key(event, it.instance, it.index, prefix), it) for it in files)

    def _announced(
        self, delivered: Iterable[Delivered]
    ) -> Iterator[tuple[Delivered, list[tuple[str, Path]]]]:
        """Each delivery with what is to be put, told when its turn comes."""
        for it in delivered:
            self.promises.beat()
            first = self._first_records(it)
            self.tell("writing", it.event.name, sum(it.survey.rows.values()), first)
            yield it, [(key, file.path) for key, file in it.files]

    def _first_records(self, delivered: Delivered) -> tuple[Record, ...]:
        if not delivered.files:
            return ()
        spec, path = self.plan.spec, delivered.files[0][1].path
        return first_records(path, spec.format, is_titled=spec.files_as.is_titled)

    def _spool(self, window: WindowRows, spool: Spool) -> None:
        rows = 0
        for event, instance, lines in window.records():
            spool.write(event, instance, lines)
            rows += len(lines)
            self.promises.beat()
            self.tell("reading", rows=rows)


def _shape(plan: WindowPlan, events: Sequence[PlannedEvent]) -> RecordShape:
    format_ = format_of(plan.spec.files_as, plan.spec.format)
    names = tuple(event.name for event in events)
    return RecordShape(plan.spec, format_, plan.window, plan.zone, names)


def _spool(folder: Path, window: WindowRows, most_rows: int, pool: ThreadPoolExecutor) -> Spool:
    shape, spec = window.shape, window.shape.written
    return Spool(
        folder,
        files(shape.format, pool, spec.packing, stable=spec.sort),
        window.heading,
        shape.layout.rows_per_file(most_rows),
        pool,
        together=shape.together,
        most_bytes=shape.layout.most_bytes,
    )


def _check(event: PlannedEvent, survey: EventSurvey, files: Sequence[SpoolFile]) -> None:
    """Raise BugError unless the files hold as many records as the survey found rows."""
    written = rows_by_instance(files)
    if written != Counter(survey.rows):
        raise BugError(
            f"event {event.name!r}: {dict(survey.rows)} rows by instance in the source,"
            f" {dict(written)} written; nothing of it was published"
        )


def _schema(shape: RecordShape, survey: EventSurvey, columns: EventColumns) -> RecordSchema | None:
    if not survey.rows:
        return None
    sources = {column.label: column.sources for column in columns.columns}
    return record_schema(shape.groups(columns), sources, survey.kinds)


def _left_out(survey: EventSurvey, committed: CommittedColumns) -> dict[str, object]:
    """The properties that a lock, or an older version of the list, kept out, with the rows that
    have them."""
    if committed.columns.listed and not committed.locked:
        return {}
    kept_out = {n: r for n, r in survey.names.items() if n not in committed.columns.sources}
    return {LEFT_OUT: kept_out} if kept_out else {}
