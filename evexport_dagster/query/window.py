"""One window of an export as records: read once, chunk by chunk, each surveyed, then rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from evexport_dagster.columns import ColumnPlan, EventColumns, same_records
from evexport_dagster.formats import Records, ValueFormat
from evexport_dagster.query.join import DUPLICATE_PROFILES
from evexport_dagster.query.lines import LineRecords
from evexport_dagster.query.mend import take_chunk
from evexport_dagster.query.old_values import put_back
from evexport_dagster.query.pieces import Pieces, odd_people
from evexport_dagster.query.shape import DEVICES, RecordShape
from evexport_dagster.query.stage import Selection, chunks, profile_ids
from evexport_dagster.query.staged import Staged
from evexport_dagster.query.survey import EventSurvey, Survey
from evexport_dagster.query.values import ValueRecords
from evexport_dagster.source import Lake


@dataclass
class WindowRows:
    """The rows of a window, on their way through DuckDB; events go by their position.

    `plans` says what the columns of each event follow from; `used` what they were, so far, of
    those that have rows. `outdated` are events whose columns changed after some of their rows
    were rendered; the rest of their rows is not.
    """

    con: duckdb.DuckDBPyConnection
    lake: Lake
    shape: RecordShape
    plans: Sequence[ColumnPlan]
    used: dict[int, EventColumns] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._survey = Survey(len(self.plans))
        self._odd: list[Counter[str]] = [Counter() for _ in self.plans]
        self._headings: dict[int, tuple[EventColumns, tuple[str, ...]]] = {}
        self._pieces = Pieces(self.con, self.lake, self.shape)
        self._selection = _selection(self.shape)
        self._records = self._maker()

    @property
    def surveys(self) -> tuple[EventSurvey, ...]:
        """What the rows that were read so far hold, by event."""
        return self._survey.events()

    def read(self) -> None:
        """Survey the window without making a record of it."""
        for _ in self._chunks():
            continue

    def records(self) -> Generator[tuple[int, int, Records], None, None]:
        """(event, instance, records): every record of the window, in batches."""
        is_first = True
        for staged, is_last in self._chunks():
            if is_first and not is_last:
                # Profiles are read as seldom as can be: for one chunk, or at once for all.
                self._pieces.add_people(profile_ids(self.lake, self._selection))
            is_first = False
            pieces = self._pieces.of(staged)
            self._look_at_people(staged, pieces)
            if columns := self._current_columns():
                rows = staged.of_events(columns)
                rows = put_back(self.con, self.shape.layout, rows, pieces[DEVICES])
                yield from self._records.of(rows, pieces, columns)

    def labels(self, event: int) -> tuple[str, ...]:
        """The labels of the records of an event, so far."""
        return self.shape.labels(self.used[event])

    def heading(self, event: int) -> tuple[str, ...]:
        """What the files of an event begin with, so far."""
        columns, heading = self._headings.get(event, (None, ()))
        if columns is not self.used[event]:
            heading = self.shape.heading(event, self.used[event])
            self._headings[event] = self.used[event], heading
        return heading

    def holds(self, event: int, columns: EventColumns) -> bool:
        """Whether the records that were made are those that these columns make."""
        if event not in self.used:
            return True
        names, flat = self._survey.names(event), self.shape.format.flat
        same = same_records(self.used[event], columns, names, flat=flat)
        return same and event not in self.outdated

    def odd_people(self, event: int) -> Counter[str]:
        """What was odd about the people and devices of an event."""
        further = Counter({DUPLICATE_PROFILES: self._pieces.further_profiles})
        return self._odd[event] + further if event in self.used else Counter()

    def _chunks(self) -> Iterator[tuple[Staged, bool]]:
        """One chunk after the other, each with whether it is the last."""
        as_string = self._selection.as_string
        for chunk, is_last in chunks(self.con, self.lake, self._selection):
            yield take_chunk(self.con, chunk, self._survey, as_string=as_string), is_last

    def _look_at_people(self, staged: Staged, pieces: Mapping[str, pa.Table]) -> None:
        """Count what is odd about the people and devices of a chunk."""
        odd = odd_people(self.con, self.shape, staged, pieces)
        for counted, further in zip(self._odd, odd, strict=True):
            counted.update(further)

    def _current_columns(self) -> dict[int, EventColumns]:
        """The columns of the events that have rows, but of outdated ones."""
        for event in self._survey.seen():
            columns = self.plans[event].columns(self._survey.names(event))
            before = self.used.setdefault(event, columns)
            if columns == before:
                continue
            if not same_records(before, columns, before.sources, flat=self.shape.format.flat):
                self.outdated.add(event)
            self.used[event] = columns
        return {event: it for event, it in self.used.items() if event not in self.outdated}

    def _maker(self) -> LineRecords | ValueRecords:
        format_ = self.shape.format
        if isinstance(format_, ValueFormat):
            return ValueRecords(self.con, self.shape, format_, self.lake.floats)
        return LineRecords(self.con, self.shape, format_)


def _selection(shape: RecordShape) -> Selection:
    return Selection(
        window=shape.window,
        events=shape.events,
        # Profiles were filtered when they were taken.
        where=shape.spec.where if shape.spec.type == "events" else None,
        device=bool(shape.spec.device),
        together=shape.together,
        sort=shape.spec.sort,
        has_name=shape.layout.series is not None,
        as_string=shape.spec.as_string,
    )
