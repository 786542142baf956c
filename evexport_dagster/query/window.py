"""One window of an export as records: read once, chunk by chunk, each surveyed, then rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.columns import ColumnPlan, EventColumns, same_records
from evexport_dagster.query.clean import Cleaning
from evexport_dagster.query.exact import string_array
from evexport_dagster.query.guards import Numbers
from evexport_dagster.query.join import (
    DUPLICATE_PROFILES,
    add_devices,
    add_people,
    begin_people,
    odd_people,
)
from evexport_dagster.query.mend import take_chunk
from evexport_dagster.query.pick import place_members, shapes_left_out
from evexport_dagster.query.shape import RecordShape, event_and_instance
from evexport_dagster.query.stage import Selection, chunks, profile_ids
from evexport_dagster.query.survey import EventSurvey, Survey
from evexport_dagster.source import Lake

_BATCH_ROWS = 4096


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
        self._further_profiles = 0
        self._selection, self._cleaning = _selection(self.shape), _cleaning(self.shape)

    @property
    def surveys(self) -> tuple[EventSurvey, ...]:
        """What the rows that were read so far hold, by event."""
        return self._survey.events()

    def read(self) -> None:
        """Survey the window without making a record of it."""
        for _ in self._chunks():
            continue

    def records(self) -> Generator[tuple[int, int, pa.Array], None, None]:
        """(event, instance, lines): every record of the window, in batches."""
        begin_people(self.con)
        is_first = True
        for is_last in self._chunks():
            # Profiles are read as seldom as can be: for one chunk, or at once for all of them.
            ahead = is_first and not is_last
            ids = profile_ids(self.lake, self._selection) if ahead else _IDS_OF_CHUNK
            self._add_people(ids)
            is_first = False
            if columns := self._current_columns():
                yield from _by_series(self._lines(columns))

    def header(self, event: int) -> bytes:
        """What the files of an event begin with."""
        return self.shape.format.header(self.shape.labels(self.used[event]))

    def holds(self, event: int, columns: EventColumns) -> bool:
        """Whether the records that were made are those that these columns make."""
        if event not in self.used:
            return True
        names, flat = self._survey.names(event), self.shape.format.flat
        same = same_records(self.used[event], columns, names, flat=flat)
        return same and event not in self.outdated

    def odd_people(self, event: int) -> Counter[str]:
        """What was odd about the people and devices of an event."""
        further = Counter({DUPLICATE_PROFILES: self._further_profiles})
        return self._odd[event] + further if event in self.used else Counter()

    def _chunks(self) -> Iterator[bool]:
        """Makes `staged` of one chunk after the other; tells whether it is the last."""
        for chunk, is_last in chunks(self.con, self.lake, self._selection, self._cleaning):
            take_chunk(self.con, chunk, self._cleaning, self._survey)
            yield is_last

    def _add_people(self, ids: str) -> None:
        cleaning = Cleaning(Numbers.SHORT, self.shape.spec.as_string)
        self._further_profiles += add_people(self.con, self.lake, self.shape, cleaning, ids)
        if self.shape.of_device:
            add_devices(self.con, self.shape, cleaning)
        for counted, odd in zip(self._odd, odd_people(self.con, len(self._odd)), strict=True):
            counted.update(odd)

    def _current_columns(self) -> dict[int, EventColumns]:
        """The columns of the events that have rows, but of outdated ones."""
        for event in self._survey.seen():
            columns = self.plans[event].columns(self._survey.names(event))
            before = self.used.setdefault(event, columns)
            if not same_records(before, columns, before.sources, flat=self.shape.format.flat):
                self.outdated.add(event)
            self.used[event] = columns
        return {event: it for event, it in self.used.items() if event not in self.outdated}

    def _lines(self, columns: Mapping[int, EventColumns]) -> Iterator[pa.RecordBatch]:
        left_out = shapes_left_out(self.con, {n: list(it.sources) for n, it in columns.items()})
        condition = self.shape.apart(columns, left_out)
        apart = self._render_apart(columns, condition)
        if wanted := self.shape.wanted(columns):
            place_members(self.con, wanted)
        query = self.shape.lines(columns, condition, apart=apart)
        yield from self.con.sql(query).to_arrow_reader(_BATCH_ROWS)

    def _render_apart(self, columns: Mapping[int, EventColumns], condition: str) -> bool:
        """Makes the table `apart` of the rows that only Python renders, if there are any."""
        if condition == "false":
            return False
        events = ", ".join(map(str, columns))
        rows = self.con.sql(
            f"SELECT * FROM staged WHERE event IN ({events}) AND ({condition})"
        ).to_arrow_table()
        texts, numbers = (rows.column(it).to_pylist() for it in ("event_props", "event"))
        pieces = [
            self.shape.piece(text, columns[number])
            for text, number in zip(texts, numbers, strict=True)
        ]
        self.con.register("apart", rows.append_column("properties", string_array(pieces)))
        return bool(pieces)


_IDS_OF_CHUNK = "SELECT profile_id FROM staged"


def _cleaning(shape: RecordShape) -> Cleaning:
    picks = any(shape.spec.events.choice(name).properties != "all" for name in shape.events)
    passes = shape.format.any_number_passes and not picks
    return Cleaning(Numbers.ANY if passes else Numbers.SHORT, shape.spec.as_string)


def _selection(shape: RecordShape) -> Selection:
    return Selection(
        window=shape.window,
        events=shape.events,
        where=shape.spec.where,
        device=bool(shape.spec.device),
        sort=shape.spec.sort,
    )


def _by_series(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, int, pa.Array]]:
    for batch in batches:
        order = pc.sort_indices(batch.column("series"))
        runs = pc.run_end_encode(batch.column("series").take(order))
        lines, start = batch.column("line").take(order), 0
        for series, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield *event_and_instance(series), lines[start:end]
            start = end
