"""The records of a chunk as whole lines: SQL says of which pieces, compiled loops join them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.columns import EventColumns
from evexport_dagster.compiled.numbers import integers_of, numbers
from evexport_dagster.compiled.records import Filled, Templates, assembled, filled, templates
from evexport_dagster.compiled.spans import Spans, spans, spans_of
from evexport_dagster.formats import LineFormat
from evexport_dagster.formats.cells import Group, text_cell
from evexport_dagster.layouts import Deleted, EventName, EventTime, Member, Properties
from evexport_dagster.query.shape import (
    DEVICES,
    PEOPLE,
    SERIES,
    Piece,
    RecordShape,
    event_and_instance,
)
from evexport_dagster.query.stage import NAME_IN_SOURCE

_BATCH_ROWS = 16384
"""The records that are put together at once; of each series among them a slice is handed on."""

_NUMBERS = ("row", "event", "series", "template", "person", "device")

Numbers: TypeAlias = NDArray[np.int64]


def line_records(
    con: duckdb.DuckDBPyConnection,
    shape: RecordShape,
    format_: LineFormat,
    columns: Mapping[int, EventColumns],
    objects: Spans,
) -> Iterator[tuple[int, int, pa.Array]]:
    """(event, instance, lines) of these events in `staged`, in batches, in the chunk's order.

    `objects` are the properties of the rows of the chunk.
    """
    chunk = _Chunk(con, shape, format_, columns)
    of_shape, has = _templates(con, format_, columns), chunk.numbers
    for start in range(0, len(chunk.order), _BATCH_ROWS):
        rows = slice(start, start + _BATCH_ROWS)
        whole = objects.take(has["row"][rows])
        properties = filled(whole, of_shape, has["template"][rows], format_.way)
        pieces = [properties.spans if it is None else it.of(rows) for it in chunk.parts]
        yield from _by_series(pieces, has["series"][rows])


def _by_series(pieces: list[Spans], series: Numbers) -> Iterator[tuple[int, int, pa.Array]]:
    order = np.argsort(series, kind="stable")
    lines, of_line = assembled(pieces, order).array, series[order]
    borders = [0, *(np.flatnonzero(np.diff(of_line)) + 1).tolist(), len(order)]
    for start, end in pairwise(borders):
        yield *event_and_instance(int(of_line[start])), lines[start:end]


@dataclass(frozen=True)
class _Choice:
    """A part of a line: some texts, and which of them each row has."""

    texts: Spans
    numbers: NDArray[np.integer[Any]]

    def of(self, rows: slice) -> Spans:
        return self.texts.take(self.numbers[rows])


@dataclass(frozen=True)
class _Chunk:
    """The rows of `staged` that are rendered, and the parts of their lines."""

    con: duckdb.DuckDBPyConnection
    shape: RecordShape
    format: LineFormat
    columns: Mapping[int, EventColumns]

    @cached_property
    def order(self) -> Numbers:
        """Where each row of the chunk, in its order there, stands among those that SQL gave."""
        return np.argsort(integers_of(self._rows.column("row")), kind="stable")

    @cached_property
    def numbers(self) -> Mapping[str, Numbers]:
        """What the rows have, by the names of `_NUMBERS`, in the order of the chunk."""
        return {it: integers_of(self._rows.column(it))[self.order] for it in _NUMBERS}

    @cached_property
    def parts(self) -> list[_Choice | None]:
        """The parts of a line; None stands for the properties."""
        return list(self._choices())

    @cached_property
    def _rows(self) -> pa.Table:
        """Each row with the numbers of what its line is made of, and its own texts."""
        texts = f"{self.shape.lead('staged')} AS lead"
        if self.shape.layout.series:
            (label,) = (it.label for it in self.shape.layout.record if isinstance(it, EventName))
            name = Group("", (text_cell(label, NAME_IN_SOURCE),))
            texts += f", {self.format.group(name)} AS name"
        has_device = self.shape.pieces_of(DEVICES)
        return self.con.sql(
            f"""
            SELECT row, event, {SERIES} AS series, shapes.rowid AS template,
                people.rowid AS person, {"devices.rowid" if has_device else "0::BIGINT"} AS device,
                {texts}
            FROM staged
            JOIN people ON staged.profile_id IS NOT DISTINCT FROM people.profile_id
            {"JOIN devices USING (device)" if has_device else ""}
            JOIN shapes USING (event, shape)
            WHERE event IN ({", ".join(map(str, self.columns))})
            """
        ).to_arrow_table()

    def _choices(self) -> Iterator[_Choice | None]:
        fetched = {
            PEOPLE: _Fetched(self.con, PEOPLE, self.numbers["person"]),
            DEVICES: _Fetched(self.con, DEVICES, self.numbers["device"]),
        }
        for part in _merged(self._parts()):
            match part:
                case Properties():
                    yield None
                case str(column):
                    texts = spans(self._rows.column(column))
                    yield _Choice(texts, self.order)
                case Piece(table):
                    yield fetched[table].choice(part)
                case _Between(earlier, later):
                    before = np.any([fetched[it.table].has(it) for it in earlier], axis=0)
                    both = before & fetched[later.table].has(later)
                    separator = spans_of(["", self.format.separator])
                    yield _Choice(separator, both.astype(np.int64))
                case list(of_event):
                    yield _Choice(spans_of(of_event), self.numbers["event"])

    def _parts(self) -> Iterator[_Part]:
        yield self._each(self.format.begin)
        for number, part in enumerate(self.shape.parts):
            # The properties of an event bring their separator, since there may be none.
            if number and not isinstance(part, Properties):
                yield self._each(self.format.separator)
            yield from self._part(part)
        yield self._each(self.format.end)

    def _part(self, part: Member | tuple[Piece, ...]) -> Iterator[_Part]:
        match part:
            case EventName() if self.shape.layout.series:
                yield "name"
            case EventName(label):
                choices = map(self.shape.spec.series.choice, self.shape.events)
                yield [self.format.event_name(label, choice.label) for choice in choices]
            case EventTime(label, is_number=is_number):
                yield from self._lead(label, is_number and not self.shape.spec.as_string)
            case Deleted(label):
                yield from self._lead(label, True)
            case (Piece(is_part=True), *_):
                before, after = self.format.around(part[0].groups[0].name)
                yield self._each(before)
                for place, piece in enumerate(part):
                    if place:
                        yield _Between(part[:place], piece)
                    yield piece
                yield self._each(after)
            case (Piece() as piece,):
                yield piece
            case Properties():
                yield part

    def _lead(self, label: str, is_number: bool) -> Iterator[_Part]:
        before, after = self.format.around_time(label, is_number=is_number)
        yield from (self._each(before), "lead", self._each(after))

    def _each(self, text: str) -> list[str]:
        return [text] * len(self.shape.events)


@dataclass(frozen=True)
class _Between:
    """The separator before a piece, where one of those before it is there, and it is, too."""

    earlier: tuple[Piece, ...]
    later: Piece


_Part: TypeAlias = str | list[str] | Piece | _Between | Properties
"""A part of a line: a column of texts, the text that it is for each event, and so on."""


def _merged(parts: Iterable[_Part]) -> Iterator[_Part]:
    """The parts of a line, in which neighbours that are texts are one."""
    for is_text, neighbours in groupby(parts, lambda it: isinstance(it, list)):
        if is_text:
            yield ["".join(of_event) for of_event in zip(*neighbours, strict=True)]
        else:
            yield from neighbours


class _Fetched:
    """The rows of a table of pieces that a chunk needs."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: str, numbers: Numbers) -> None:
        self._con, self._table, self._numbers = con, table, numbers

    def choice(self, piece: Piece) -> _Choice:
        """A piece, by the rows of the chunk."""
        return _Choice(spans(self._rows.column(piece.column)), self._places)

    def has(self, piece: Piece) -> NDArray[np.bool_]:
        """Which rows of the chunk have a piece."""
        is_there = self._rows.column(piece.column).is_valid().cast(pa.uint8())
        return integers_of(is_there)[self._places].astype(np.bool_)

    @cached_property
    def _rows(self) -> pa.Table:
        is_wanted = np.zeros(self._numbers.max(initial=0) + 1, np.bool_)
        is_wanted[self._numbers] = True
        wanted = pa.Table.from_arrays([numbers(np.flatnonzero(is_wanted))], ["number"])
        self._con.register("wanted_rows", wanted)
        return self._con.sql(
            f"""
            SELECT {self._table}.rowid AS number, {self._table}.*
            FROM {self._table} JOIN wanted_rows ON {self._table}.rowid = number
            """
        ).to_arrow_table()

    @cached_property
    def _places(self) -> NDArray[np.int32]:
        found = integers_of(self._rows.column("number"))
        places = np.zeros(found.max(initial=0) + 1, np.int32)
        places[found] = np.arange(len(found))
        return places[self._numbers]


def _templates(
    con: duckdb.DuckDBPyConnection, format_: LineFormat, columns: Mapping[int, EventColumns]
) -> Templates:
    """The piece that the properties are, for each row of `shapes`; of other events nothing."""
    pieces: list[Filled] = []
    for event, keys in con.execute("SELECT event, keys FROM shapes ORDER BY rowid").fetchall():
        its = columns.get(event)
        places = {key: place for place, key in enumerate(keys)}
        piece = format_.properties(places, its) if its is not None else ()
        pieces.append((format_.separator, *piece) if piece else ())
    return templates(pieces)
