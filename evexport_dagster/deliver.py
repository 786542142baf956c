"""The one loop that moves bytes: a window's events from the source to the destination.

    stage ─> survey ─> columns (committed) ─> render ─> count back ─> publish ─> record

Each event of a window is published and recorded by itself, so that a run that breaks off
repeats only what it had not recorded. Nothing is visible before its rows were counted back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evexport_dagster.columns import EventColumns
from evexport_dagster.engine import connect, explained, scratch
from evexport_dagster.errors import BugError
from evexport_dagster.formats import FORMATS
from evexport_dagster.plan import PlannedEvent, Progress, WindowPlan
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.survey import EventSurvey
from evexport_dagster.query.window import StagedWindow, stage_window
from evexport_dagster.settings import Settings
from evexport_dagster.source import open_lake, unplaceable_rows
from evexport_dagster.spool import Spool, SpoolFile, by_instance
from evexport_dagster.stores import Store

NULS = "nul_characters"
LEFT_OUT = "left_out"
UNPLACEABLE = "rows_without_name_or_time_in_source"


@dataclass(frozen=True)
class CommittedColumns:
    """The columns of an event for this attempt, and the version of the list they are made of."""

    columns: EventColumns
    version: int
    locked: bool


@dataclass(frozen=True)
class Promises:
    """What a delivery asks of whoever keeps the records.

    `columns` commits the column list of each event, given its survey, before a header is
    written. `claim` refuses keys that another export has delivered. `beat` says that the run
    is alive, and raises when it must end.
    """

    columns: Callable[[Mapping[str, EventSurvey]], Mapping[str, CommittedColumns]]
    claim: Callable[[Sequence[str]], None]
    beat: Callable[[], None]


@dataclass(frozen=True)
class Delivered:
    """An event of a window, published: its survey, its columns, its (key, file)s, its oddities."""

    event: PlannedEvent
    survey: EventSurvey
    columns: CommittedColumns
    files: tuple[tuple[str, SpoolFile], ...]
    oddities: Mapping[str, object]

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
) -> Iterator[Delivered]:
    """Deliver a window event by event; each is to be recorded before the next is asked for.

    Raises the errors of `errors`; what was yielded stays delivered, of the rest nothing is seen.
    """
    runtime = settings.runtime
    on_progress(Progress(plan.spec.name, plan.window, "reading"))
    with (
        explained(plan.spec.source),
        scratch(Path(runtime.scratch), f"{plan.export_id}-{plan.window.timestamp}") as folder,
        connect(runtime, plan.account.timezone, folder) as con,
        ThreadPoolExecutor(runtime.threads, "gzip") as pool,
    ):
        lake = open_lake(con, plan.spec.source, settings.sources[plan.spec.source], settings.folder)
        unplaceable = unplaceable_rows(con)
        shape = RecordShape(plan.spec, FORMATS[plan.spec.format], plan.window, plan.zone)
        staged = stage_window(con, lake, shape, plan.names)
        promises.beat()
        columns = promises.columns(dict(zip(plan.names, staged.surveys, strict=True)))
        odd_people = staged.join()
        done, total = 0, sum(sum(survey.rows.values()) for survey in staged.surveys)
        for number, event in enumerate(plan.events):
            promises.beat()
            on_progress(Progress(plan.spec.name, plan.window, "writing", event.name, done, total))
            spool = Spool(
                folder=folder,
                format=shape.format,
                header=shape.format.header(shape.labels(columns[event.name].columns)),
                limit=runtime.max_rows_per_file,
                pool=pool,
                stable=plan.spec.sort,
            )
            try:
                files = _written(staged, number, columns[event.name].columns, spool, promises.beat)
                keyed = _published(plan, event, files, store, promises)
            finally:
                spool.discard()
            survey = staged.surveys[number]
            odd = Counter(survey.oddities) + odd_people[number]
            odd += Counter({NULS: spool.nuls, UNPLACEABLE: unplaceable})
            left_out = _left_out(survey, columns[event.name])
            yield Delivered(event, survey, columns[event.name], keyed, {**odd, **left_out})
            done += sum(survey.rows.values())
        on_progress(Progress(plan.spec.name, plan.window, "done", None, done, total))


def _written(
    staged: StagedWindow,
    number: int,
    columns: EventColumns,
    spool: Spool,
    beat: Callable[[], None],
) -> tuple[SpoolFile, ...]:
    """The event's records in scratch files, as many as the survey found for each instance."""
    expected = staged.surveys[number].rows
    if expected:
        for batch in staged.records(number, columns):
            for instance, lines in by_instance(batch):
                spool.write(instance, lines)
            beat()
    files = spool.close()
    written: Counter[int] = Counter()
    for file in files:
        written[file.instance] += file.rows
    if written != Counter(expected):
        raise BugError(
            f"event {staged.events[number]!r}: {dict(expected)} rows by instance in the source,"
            f" {dict(written)} written; nothing of it was published"
        )
    return files


def _published(
    plan: WindowPlan,
    event: PlannedEvent,
    files: Sequence[SpoolFile],
    store: Store,
    promises: Promises,
) -> tuple[tuple[str, SpoolFile], ...]:
    keyed = [(plan.key(event, file.instance, file.index, store.prefix), file) for file in files]
    promises.claim([key for key, _ in keyed])
    for key, file in keyed:
        promises.beat()
        store.put(key, file.path)
    return tuple(keyed)


def _left_out(survey: EventSurvey, committed: CommittedColumns) -> dict[str, object]:
    """The properties that a lock kept out, with the rows that have them."""
    if not committed.locked:
        return {}
    kept_out = {n: r for n, r in survey.names.items() if n not in committed.columns.sources}
    return {LEFT_OUT: kept_out} if kept_out else {}
