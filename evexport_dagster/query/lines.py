"""The records of a chunk as whole lines: SQL says of which pieces, compiled loops join them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.columns import EventColumns
from evexport_dagster.compiled.numbers import integers_of, numbers
from evexport_dagster.compiled.records import (
    FILLED,
    Records,
    Template,
    Templates,
    template,
    templates,
)
from evexport_dagster.compiled.spans import Spans, joined, spans, spans_of
from evexport_dagster.formats import LineFormat
from evexport_dagster.formats.cells import Group, text_cell
from evexport_dagster.layouts import Deleted, EventName, EventTime, Member, Properties
from evexport_dagster.query.shape import Piece, RecordShape
from evexport_dagster.query.stage import NAME_IN_SOURCE
from evexport_dagster.query.staged import (
    Numbers,
    Staged,
    event_and_instance,
    of_each_row,
    told_apart,
)

_NO_COLUMNS = EventColumns((), listed=True)
"""Those of an event whose rows are not rendered."""
_BATCH_ROWS = 16384
"""The records that are put together at once."""


class LineRecords:
    """The records of a window as lines, chunk by chunk."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, shape: RecordShape, format_: LineFormat
    ) -> None:
        self._con, self._shape, self._format = con, shape, format_
        self._templates: dict[tuple[int | str, ...], tuple[EventColumns, Template]] = {}

    def of(
        self,
        staged: Staged,
        pieces: Mapping[str, pa.Table],
        columns: Mapping[int, EventColumns],
    ) -> Iterator[tuple[int, int, pa.Array]]:
        """(event, instance, lines) of rows of these events, in batches; what goes to the same files
        comes together, in the order of the rows."""
        texts, parts = self._texts_of(staged, pieces)
        records = Records(
            texts,
            parts,
            staged.objects,
            self._templates_of(columns),
            staged.shapes,
            self._format.way,
        )
        series = staged.series
        distinct, codes = told_apart(numbers(series))
        # NumPy sorts numbers of few bits by counting.
        small = codes.astype(np.min_scalar_type(len(distinct)))
        in_series = np.argsort(small, kind="stable")
        for start in range(0, len(series), _BATCH_ROWS):
            order = in_series[start : start + _BATCH_ROWS]
            lines, of_line = records.of(order).array, series[order]
            borders = [0, *(np.flatnonzero(np.diff(of_line)) + 1).tolist(), len(order)]
            for first, end in pairwise(borders):
                yield *event_and_instance(int(of_line[first])), lines[first:end]

    def _templates_of(self, columns: Mapping[int, EventColumns]) -> Templates:
        """What the properties are, for each row of `shapes`; of other events nothing.

        Those of one chunk are kept for the next.
        """
        query = "SELECT event, keys FROM shapes ORDER BY number"
        before, self._templates = self._templates, {}
        made = []
        for event, names in self._con.execute(query).fetchall():
            keys, its = (event, *names), columns.get(event, _NO_COLUMNS)
            found = before.get(keys)
            if found is None or found[0] is not its:
                found = its, self._template(names, its)
            self._templates[keys] = found
            made.append(found[1])
        return templates(made)

    def _template(self, names: Sequence[str], columns: EventColumns) -> Template:
        places = {name: place for place, name in enumerate(names)}
        piece = self._format.properties(places, columns) if columns is not _NO_COLUMNS else ()
        return template((self._format.separator, *piece) if piece else ())

    def _texts_of(
        self, staged: Staged, pieces: Mapping[str, pa.Table]
    ) -> tuple[Spans, NDArray[np.int32]]:
        """The texts of which lines are made, and which of them each line has, in order."""
        found = [*self._choices(staged, pieces)]
        begins = accumulate((len(texts) for texts, _ in found), initial=1)
        parts = np.full((len(staged.rows), len(found)), FILLED, np.int32)
        for part, (begin, (_, chosen)) in enumerate(zip(begins, found, strict=False)):
            if chosen is not None:
                parts[:, part] = begin + chosen
        return joined([spans_of([""]), *(texts for texts, _ in found)]), parts

    def _choices(
        self, staged: Staged, pieces: Mapping[str, pa.Table]
    ) -> Iterator[tuple[Spans, Numbers | None]]:
        """For each part of a line some texts, and which of them each row has; of the properties
        nothing."""
        own = self._own_texts()
        for part in _merged(self._parts()):
            match part:
                case Properties():
                    yield spans_of([]), None
                case str(column):
                    yield spans(own.column(column)), staged.rows
                case Piece(table):
                    yield spans(pieces[table].column(part.column)), staged.numbers_of(table)
                case _Between(earlier, later):
                    before = np.any([_have(it, staged, pieces) for it in earlier], axis=0)
                    both = before & _have(later, staged, pieces)
                    yield spans_of(["", self._format.separator]), both.astype(np.int64)
                case list(of_event):
                    yield spans_of(of_event), staged.events

    def _own_texts(self) -> pa.Table:
        """The texts that each row of `staged` has for itself."""
        texts = f"{self._shape.lead('staged')} AS lead"
        if self._shape.layout.series:
            (label,) = (it.label for it in self._shape.layout.record if isinstance(it, EventName))
            name = Group("", (text_cell(label, NAME_IN_SOURCE),))
            texts += f", {self._format.group(name)} AS name"
        return of_each_row(self._con, texts)

    def _parts(self) -> Iterator[_Part]:
        yield self._each(self._format.begin)
        for number, part in enumerate(self._shape.parts):
            # The properties of an event bring their separator, since there may be none.
            if number and not isinstance(part, Properties):
                yield self._each(self._format.separator)
            yield from self._part(part)
        yield self._each(self._format.end)

    def _part(self, part: Member | tuple[Piece, ...]) -> Iterator[_Part]:
        match part:
            case EventName() if self._shape.layout.series:
                yield "name"
            case EventName(label):
                choices = map(self._shape.spec.series.choice, self._shape.events)
                yield [self._format.event_name(label, choice.label) for choice in choices]
            case EventTime(label, is_number=is_number):
                yield from self._lead(label, is_number and not self._shape.spec.as_string)
            case Deleted(label):
                yield from self._lead(label, True)
            case (Piece(is_part=True), *_):
                before, after = self._format.around(part[0].groups[0].name)
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
        before, after = self._format.around_time(label, is_number=is_number)
        yield from (self._each(before), "lead", self._each(after))

    def _each(self, text: str) -> list[str]:
        return [text] * len(self._shape.events)


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


def _have(piece: Piece, staged: Staged, pieces: Mapping[str, pa.Table]) -> NDArray[np.bool_]:
    """Which rows have a piece."""
    is_there = pieces[piece.table].column(piece.column).is_valid().cast(pa.uint8())
    return integers_of(is_there).astype(np.bool_)[staged.numbers_of(piece.table)]
