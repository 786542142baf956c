"""The records of a chunk as columns of values, for formats that are no text.

staged ─> times, values of the properties ─> in the chunk's order ────┐
people, devices ─> their groups, once each ─> looked up for each row ─┴─> records
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.columns import EventColumns, relabelled
from evexport_dagster.compiled.numbers import integers_of, numbers
from evexport_dagster.compiled.records import templates
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
from evexport_dagster.query.shape import SERIES, RecordShape, event_and_instance
from evexport_dagster.query.value_groups import NO_FLOATS, ValueGroups, whole_batch
from evexport_dagster.source import FloatMembers

Records = tuple[int, int, pa.RecordBatch]


def value_records(
    con: duckdb.DuckDBPyConnection,
    shape: RecordShape,
    format_: ValueFormat,
    columns: Mapping[int, EventColumns],
    objects: Spans,
    floats: Mapping[str, FloatMembers],
) -> Iterator[Records]:
    """(event, instance, records) of these events in `staged`, in the order of `row`.

    `objects` are the properties of the rows of the chunk; `floats` are the members of the source's
    objects, by column, that are 32-bit floats.
    """
    rows = _rows(con, shape, columns)
    if not len(rows):
        return
    groups = ValueGroups(con, shape, format_, floats)
    shapes = _shapes(con)
    of_source = floats.get(shape.layout.properties_of, NO_FLOATS)
    start = 0
    for event, instances in _by_event(_runs(rows.column("series"))):
        count = sum(rows_ for _, rows_ in instances)
        of_event = rows.slice(start, count)
        own = objects.take(integers_of(of_event.column("row")))
        properties = {
            name: format_.column(name, _properties(of_event, own, shapes[event], its, of_source))
            for name, its in PropertyGroups(shape.layout).columns(columns[event]).items()
        }
        label = shape.spec.series.choice(shape.events[event]).label
        records = format_.records(
            label, of_event.column("lead"), groups.of_rows(of_event) | properties
        )
        at = 0
        for instance, length in instances:
            yield event, instance, records.slice(at, length)
            at += length
        start += count


def _rows(
    con: duckdb.DuckDBPyConnection, shape: RecordShape, columns: Mapping[int, EventColumns]
) -> pa.RecordBatch:
    """The rows of these events, in order."""
    rows = whole_batch(
        con,
        f"""
        SELECT row, {SERIES} AS series, shape, {shape.lead("staged")} AS lead, profile_id, device
        FROM staged WHERE event IN ({", ".join(map(str, columns))})
        """,
    )
    numbers_ = integers_of(rows.column("row"))
    if (np.diff(numbers_) > 0).all():
        return rows
    return rows.take(numbers(np.argsort(numbers_)))


def _runs(series: pa.Array) -> list[tuple[int, int]]:
    """(series, rows) of what follows each other."""
    runs = pc.run_end_encode(series)
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


def _shapes(con: duckdb.DuckDBPyConnection) -> dict[int, list[tuple[int, list[str]]]]:
    """For each event the shapes of its rows: their number, and their keys."""
    shapes: dict[int, list[tuple[int, list[str]]]] = {}
    for event, shape, keys in con.execute("SELECT event, shape, keys FROM shapes").fetchall():
        shapes.setdefault(event, []).append((shape, keys))
    return shapes


def _properties(
    rows: pa.RecordBatch,
    objects: Spans,
    shapes: Sequence[tuple[int, list[str]]],
    columns: EventColumns,
    floats: FloatMembers,
) -> Entries:
    """The properties of rows of one event: where they stand follows from a row's shape."""
    position = {column.label: number for number, column in enumerate(columns.columns)}
    kept = [relabelled({key: n for n, key in enumerate(keys)}, columns) for _, keys in shapes]
    known = numbers(np.array([number for number, _ in shapes], np.uint64))
    of_shape = pc.index_in(rows.column("shape"), known)
    lengths = [len(it) for it in kept]
    labels = integers([position[label] for it in kept for label in it], pa.int32())
    labels = lists(labels, lengths).take(of_shape)
    wanted = templates([[*it.values()] for it in kept])
    values = read_taken(taken(objects, wanted, integers_of(of_shape).astype(np.int64)))
    if floats:
        are_floats = booleans(
            [
                keys[n] in floats
                for it, (_, keys) in zip(kept, shapes, strict=True)
                for n in it.values()
            ]
        )
        values = values.with_floats(lists(are_floats, lengths).take(of_shape).flatten())
    dictionary = strings([column.label for column in columns.columns])
    codes = pa.DictionaryArray.from_arrays(labels.flatten(), dictionary)
    return Entries(labels.offsets, codes, values)
