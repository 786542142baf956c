"""The records of a chunk as whole lines: one query for all events, in SQL but for odd rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.columns import EventColumns
from evexport_dagster.formats import LineFormat
from evexport_dagster.formats.cells import Group, ObjectColumn, sources_in_order, text_cell
from evexport_dagster.layouts import Deleted, EventName, EventTime, Member, Properties
from evexport_dagster.query.exact import string_array
from evexport_dagster.query.pick import members_in_place, place_members, shapes_left_out
from evexport_dagster.query.shape import (
    DEVICES,
    SERIES,
    Piece,
    RecordShape,
    event_and_instance,
)
from evexport_dagster.query.stage import NAME_IN_SOURCE
from evexport_dagster.strict_json import read_members
from evexport_dagster.text import sql_literal

_BATCH_ROWS = 4096
_MOST_BATCH_ROWS = 65536
_ROWS_OF_SERIES = 8
"""A batch is to have so many rows of each series, since every one of them costs a slice."""
_PROPERTIES = ObjectColumn("event_props", "exact")


def line_records(
    con: duckdb.DuckDBPyConnection,
    shape: RecordShape,
    format_: LineFormat,
    columns: Mapping[int, EventColumns],
) -> Iterator[tuple[int, int, pa.Array]]:
    """(event, instance, lines) of these events in `staged`, in batches."""
    made = _Lines(shape, format_)
    left_out = shapes_left_out(con, {n: list(it.sources) for n, it in columns.items()})
    condition = made.apart(columns, left_out)
    apart = _render_apart(con, made, columns, condition)
    if wanted := made.wanted(columns):
        place_members(con, wanted)
    query = made.lines(columns, condition, apart=apart)
    yield from _by_series(con.sql(query).to_arrow_reader(_batch_rows(con)))


@dataclass(frozen=True)
class _Lines:
    """The SQL of the lines of a window's records."""

    shape: RecordShape
    format: LineFormat

    def apart(
        self, columns: Mapping[int, EventColumns], left_out: Mapping[int, Collection[int]]
    ) -> str:
        """SQL condition on `staged`: the properties of this row are rendered by `piece`.

        `left_out` gives the shapes of an event that have a property which is not exported.
        """
        return by_event({n: self._apart(it, left_out.get(n, ())) for n, it in columns.items()})

    def _apart(self, columns: EventColumns, left_out: Collection[int]) -> str:
        by_format = self.format.apart(columns, _PROPERTIES)
        if columns.listed or self.format.flat or not left_out:
            return by_format
        return f"({by_format}) OR shape IN ({', '.join(map(str, left_out))})"

    def piece(self, text: str, columns: EventColumns) -> str:
        """The piece of a record that the properties in a clean object are, read exactly."""
        members, _ = read_members(text)
        return self.format.separator + self.format.piece(members, columns)

    def has_piece(self, columns: EventColumns) -> bool:
        """Whether the properties of an event are a piece of its records at all."""
        return self.format.properties(columns, "", "") is not None

    def lines(self, columns: Mapping[int, EventColumns], condition: str, *, apart: bool) -> str:
        """SQL for (series, line): the records of these events in `staged`, and in `apart` where
        there is such a table, whose properties are pieces already.

        `condition` is that of `apart`.
        """
        kept = "event, instance, event_time, profile_id, device"
        kept += ", place" if self.shape.spec.sort else ""
        kept += f", {NAME_IN_SOURCE}" if self.shape.layout.series else ""
        pieces = {n: self._properties(it) for n, it in columns.items()}
        rows = f"""
            SELECT {kept}, {by_event(pieces)} AS properties
            FROM ({self._picked(columns)})
            WHERE event IN ({", ".join(map(str, columns))})
                AND NOT ({condition})
        """
        if apart:
            rows += f" UNION ALL SELECT {kept}, properties FROM apart"
        return f"""
            SELECT {SERIES} AS series, {self._line()} AS line
            FROM ({rows}) AS rows {self._joins()} {"ORDER BY place" if self.shape.spec.sort else ""}
        """

    def wanted(self, columns: Mapping[int, EventColumns]) -> dict[int, tuple[str, ...]]:
        """The members that each event's properties are picked from; empty where none are."""
        needed = self.format.needs_picked
        picked = {n: sources_in_order(it.columns) for n, it in columns.items() if needed(it)}
        return {n: picked.get(n, ()) for n in columns} if any(picked.values()) else {}

    def _picked(self, columns: Mapping[int, EventColumns]) -> str:
        wanted = self.wanted(columns)
        if not wanted:
            return "FROM staged"
        members = members_in_place(_PROPERTIES.text, as_json=self.format.picks_json)
        picking = ", ".join(str(event) for event, names in wanted.items() if names)
        return f"""
            SELECT *, CASE WHEN event IN ({picking}) THEN {members} END AS props_picked
            FROM staged JOIN places USING (event, shape)
        """

    def _joins(self) -> str:
        people = "JOIN people ON rows.profile_id IS NOT DISTINCT FROM people.profile_id"
        has_device = self.shape.pieces_of(DEVICES)
        return f"{people} JOIN devices USING (device)" if has_device else people

    def _line(self) -> str:
        begin, separator, end = (
            [it] * len(self.shape.events)
            for it in (self.format.begin, self.format.separator, self.format.end)
        )
        parts: list[_Part] = [begin]
        for number, part in enumerate(self.shape.parts):
            # The properties of an event bring their separator, since there may be none.
            if number and not isinstance(part, Properties):
                parts.append(separator)
            parts += self._part(part)
        # One `concat` copies a record once; a chain of `||` copies it once a piece.
        return f"concat({', '.join(_merged([*parts, end]))})"

    def _part(self, part: Member | tuple[Piece, ...]) -> list[_Part]:
        match part:
            case EventName(label) if self.shape.layout.series:
                return [self.format.group(Group("", (text_cell(label, NAME_IN_SOURCE),)))]
            case EventName(label):
                choices = map(self.shape.spec.series.choice, self.shape.events)
                return [[self.format.event_name(label, choice.label) for choice in choices]]
            case EventTime(label, is_number=is_number):
                number = is_number and not self.shape.spec.as_string
                before, after = self.format.around_time(label, is_number=number)
                return [self._each(before), self.shape.lead("rows"), self._each(after)]
            case Deleted(label):
                before, after = self.format.around_time(label, is_number=True)
                return [self._each(before), self.shape.lead("rows"), self._each(after)]
            case (Piece(is_part=True), *_):
                before, after = self.format.around(part[0].groups[0].name)
                pieces = ", ".join(piece.column for piece in part)
                joined = f"concat_ws({sql_literal(self.format.separator)}, {pieces})"
                return [self._each(before), joined, self._each(after)]
            case (Piece(column=column),):
                return [column]
        return ["properties"]

    def _each(self, text: str) -> list[str]:
        return [text] * len(self.shape.events)

    def _properties(self, columns: EventColumns) -> str:
        whole, picked = _PROPERTIES.text, "props_picked"
        piece = self.format.properties(columns, whole, picked)
        return f"{sql_literal(self.format.separator)} || {piece}" if piece else "''"


_Part: TypeAlias = str | list[str]
"""A part of a line: SQL, or the text that it is for each event."""


def _merged(parts: Iterable[_Part]) -> Iterator[str]:
    """SQL for the parts of a line, in which neighbours that are texts are one."""
    for is_text, neighbours in groupby(parts, lambda it: isinstance(it, list)):
        if not is_text:
            yield from map(str, neighbours)
            continue
        texts = ["".join(of_event) for of_event in zip(*neighbours, strict=True)]
        if len(set(texts)) == 1 and texts[0]:
            yield sql_literal(texts[0])
        elif texts[0]:
            yield f"[{', '.join(map(sql_literal, texts))}][event + 1]"


def by_event(expressions: Mapping[int, str]) -> str:
    """SQL that is another expression for each event."""
    events: dict[str, list[str]] = {}
    for event, expression in expressions.items():
        events.setdefault(expression, []).append(str(event))
    *others, last = events
    cases = "".join(f" WHEN event IN ({', '.join(events[it])}) THEN {it}" for it in others)
    return f"CASE{cases} ELSE {last} END" if cases else last


def _render_apart(
    con: duckdb.DuckDBPyConnection,
    made: _Lines,
    columns: Mapping[int, EventColumns],
    condition: str,
) -> bool:
    """Makes the table `apart` of the rows that only Python renders, if there are any."""
    if condition == "false":
        return False
    events = ", ".join(map(str, columns))
    rows = con.sql(
        f"SELECT * FROM staged WHERE event IN ({events}) AND ({condition})"
    ).to_arrow_table()
    texts, numbers = (rows.column(it).to_pylist() for it in ("event_props", "event"))
    with_piece = {number for number, its in columns.items() if made.has_piece(its)}
    pieces = [
        made.piece(text, columns[number]) if number in with_piece else ""
        for text, number in zip(texts, numbers, strict=True)
    ]
    con.register("apart", rows.append_column("properties", string_array(pieces)))
    return bool(pieces)


def _batch_rows(con: duckdb.DuckDBPyConnection) -> int:
    wanted = f"SELECT {_ROWS_OF_SERIES} * count(DISTINCT {SERIES}) FROM staged"
    rows = int(con.execute(wanted).fetchall()[0][0])
    return min(max(_BATCH_ROWS, rows), _MOST_BATCH_ROWS)


def _by_series(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, int, pa.Array]]:
    for batch in batches:
        order = pc.sort_indices(batch.column("series"))
        runs = pc.run_end_encode(batch.column("series").take(order))
        lines, start = batch.column("line").take(order), 0
        for series, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield *event_and_instance(series), lines[start:end]
            start = end
