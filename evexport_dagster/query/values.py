"""The records of a chunk as columns of values, for formats that are no text.

staged ─> times, values of the properties ─> in the chunk's order ────┐
people, devices ─> their groups, once each ─> looked up for each row ─┴─> records
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.columns import EventColumns, relabelled
from evexport_dagster.compiled.numbers import numbers
from evexport_dagster.compiled.records import template, templates
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.compiled.taken import taken
from evexport_dagster.formats import ValueFormat
from evexport_dagster.formats.cells import PropertyGroups
from evexport_dagster.formats.values import (
    Entries,
    booleans,
    integers,
    lists,
    read_taken,
    strings,
)
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.staged import Numbers, Staged, event_and_instance, of_each_row
from evexport_dagster.query.value_groups import NO_FLOATS, ValueGroups
from evexport_dagster.source import FloatMembers

Records = tuple[int, int, pa.RecordBatch]


@dataclass(frozen=True)
class ValueRecords:
    """The records of a window as columns of values, chunk by chunk.

    `floats` are the members of the source's objects, by column, that are 32-bit floats.
    """

    con: duckdb.DuckDBPyConnection
    shape: RecordShape
    format: ValueFormat
    floats: Mapping[str, FloatMembers]

    def of(
        self,
        staged: Staged,
        pieces: Mapping[str, pa.Table],
        columns: Mapping[int, EventColumns],
    ) -> Iterator[Records]:
        """(event, instance, records) of rows of these events, in their order."""
        shape, format_ = self.shape, self.format
        groups = ValueGroups(shape, format_, self.floats, staged, pieces)
        leads = of_each_row(self.con, f"{shape.lead('staged')} AS lead").column("lead")
        leads = leads.take(numbers(staged.rows)).combine_chunks()
        shapes = _Shapes(self.con)
        of_source = self.floats.get(shape.layout.properties_of, NO_FLOATS)
        start = 0
        for event, instances in _by_event(_runs(staged.series)):
            count = sum(rows for _, rows in instances)
            rows = slice(start, start + count)
            own = staged.objects.take(np.arange(start, start + count))
            its = PropertyGroups(shape.layout).columns(columns[event])
            which, of_rows = shapes.of(event, staged.shapes[rows])
            properties = {
                name: format_.column(name, _properties(own, which, of_rows, it, of_source))
                for name, it in its.items()
            }
            label = shape.spec.series.choice(shape.events[event]).label
            records = format_.records(
                label, leads.slice(start, count), groups.of_rows(rows) | properties
            )
            at = 0
            for instance, length in instances:
                yield event, instance, records.slice(at, length)
                at += length
            start += count


def _runs(series: Numbers) -> list[tuple[int, int]]:
    """(series, rows) of what follows each other."""
    runs = pc.run_end_encode(numbers(series))
    ends = runs.run_ends.to_pylist()
    lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return list(zip(runs.values.to_pylist(), lengths, strict=True))


def _by_event(series: Sequence[tuple[int, int]]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """(event, its (instance, rows)s) of what follows each other."""
    found: list[tuple[int, int]] = []
    event = -1
    for number, rows in series:
        its_event, instance = event_and_instance(number)
        if found and its_event != event:
            yield event, found
            found = []
        event = its_event
        found.append((instance, rows))
    if found:
        yield event, found


# Properties


class _Shapes:
    """The lists of keys of a chunk."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        rows = con.execute("SELECT event, keys FROM shapes ORDER BY number").fetchall()
        self._keys = [keys for _, keys in rows]
        self._of_event: dict[int, list[int]] = {}
        self._place = np.zeros(len(rows), np.int64)
        for number, (event, _) in enumerate(rows):
            its = self._of_event.setdefault(event, [])
            self._place[number] = len(its)
            its.append(number)

    def of(self, event: int, shapes: Numbers) -> tuple[list[list[str]], Numbers]:
        """Those of an event, and which of them each of its rows has, given their numbers."""
        return [self._keys[number] for number in self._of_event[event]], self._place[shapes]


def _properties(
    objects: Spans,
    shapes: Sequence[list[str]],
    of_rows: Numbers,
    columns: EventColumns,
    floats: FloatMembers,
) -> Entries:
    """The properties of rows of one event: where they stand follows from a row's keys."""
    position = {column.label: number for number, column in enumerate(columns.columns)}
    kept = [relabelled({key: n for n, key in enumerate(keys)}, columns) for keys in shapes]
    of_shape = numbers(of_rows)
    lengths = [len(it) for it in kept]
    labels = integers([position[label] for it in kept for label in it], pa.int32())
    labels = lists(labels, lengths).take(of_shape)
    wanted = templates([template([*it.values()]) for it in kept])
    values = read_taken(taken(objects, wanted, of_rows))
    if floats:
        are_floats = booleans(
            [keys[n] in floats for it, keys in zip(kept, shapes, strict=True) for n in it.values()]
        )
        values = values.with_floats(lists(are_floats, lengths).take(of_shape).flatten())
    dictionary = strings([column.label for column in columns.columns])
    codes = pa.DictionaryArray.from_arrays(labels.flatten(), dictionary)
    return Entries(labels.offsets, codes, values)
