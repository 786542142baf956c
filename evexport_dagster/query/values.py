"""The records of a chunk as columns of values, for formats that are no text.

    staged ─> places, times, values of the properties ─> in the files' order ─┐
    people, devices ─> their groups, once each ─> looked up for each row ─────┴─> records

Nothing is joined in SQL, since a join would lose the order that the rows have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.columns import EventColumns, relabelled
from evexport_dagster.formats import ValueFormat
from evexport_dagster.formats.cells import PropertyGroups
from evexport_dagster.formats.values import (
    KINDS,
    Entries,
    Values,
    booleans,
    integers,
    lists,
    read_value,
    strings,
)
from evexport_dagster.query.shape import SERIES, RecordShape, event_and_instance
from evexport_dagster.query.value_groups import NO_FLOATS, ValueGroups, whole_batch
from evexport_dagster.source import FloatMembers
from evexport_dagster.strict_json import read_members

Records = tuple[int, int, pa.RecordBatch]


def value_records(
    con: duckdb.DuckDBPyConnection,
    shape: RecordShape,
    format_: ValueFormat,
    columns: Mapping[int, EventColumns],
    floats: Mapping[str, FloatMembers],
) -> Iterator[Records]:
    """(event, instance, records) of these events in `staged`, in the order of `place`.

    `floats` are the members of the source's objects, by column, that are 32-bit floats.
    """
    rows = _rows(con, shape, columns)
    if not len(rows):
        return
    groups = ValueGroups(con, shape, format_, floats)
    shapes = _shapes(con)
    series = _runs(rows.column("series"))
    start = 0
    for event, instances in _by_event(series):
        count = sum(rows_ for _, rows_ in instances)
        of_event = rows.slice(start, count)
        of_source = floats.get(shape.layout.properties_of, NO_FLOATS)
        properties = {
            name: format_.column(name, _properties(of_event, shapes[event], its, of_source))
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
    """The rows in the order of `place`, each with the texts and kinds of its properties."""
    kept = f"place, {SERIES} AS series, shape, {shape.lead('staged')} AS lead, profile_id, device"
    source = f"staged WHERE event IN ({', '.join(map(str, columns))})"
    fast = whole_batch(
        con,
        f"""
        SELECT {kept}, json_extract_string(event_props, '$.*') AS texts,
            json_type(event_props, '$.*')::{KINDS}[] AS kinds
        FROM {source} AND NOT exact
        """,
    )
    kinds = fast.column("kinds")
    kinds = pa.ListArray.from_arrays(kinds.offsets, kinds.values.indices)
    fast = fast.set_column(fast.schema.get_field_index("kinds"), "kinds", kinds)
    exact = whole_batch(con, f"SELECT {kept}, event_props FROM {source} AND exact")
    if len(exact):
        fast = _joined(fast, _read(exact))
    if _is_sorted(fast.column("place")):
        return fast
    return fast.take(pc.sort_indices(fast.column("place")))


def _joined(one: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        pa.concat_arrays([one.column(name), other.column(name)]) for name in one.schema.names
    ]
    return pa.RecordBatch.from_arrays(columns, one.schema.names)


def _read(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with their properties read exactly."""
    read = [
        [read_value(value) for value in read_members(text)[0].values()]
        for text in rows.column("event_props").to_pylist()
    ]
    lengths = [len(values) for values in read]
    texts = strings([text for values in read for text, _ in values])
    kinds = integers([kind for values in read for _, kind in values], pa.uint8(), "B")
    kept = rows.drop_columns(["event_props"])
    kept = kept.append_column("texts", lists(texts, lengths))
    return kept.append_column("kinds", lists(kinds, lengths))


def _is_sorted(places: pa.Array) -> bool:
    step = pc.min(pc.pairwise_diff(places)).as_py()
    return step is None or step > 0


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
    shapes: Sequence[tuple[int, list[str]]],
    columns: EventColumns,
    floats: FloatMembers,
) -> Entries:
    """The properties of rows of one event: where they stand follows from a row's shape."""
    position = {column.label: number for number, column in enumerate(columns.columns)}
    kept = [relabelled({key: n for n, key in enumerate(keys)}, columns) for _, keys in shapes]
    numbers = integers([number for number, _ in shapes], pa.uint64(), "Q")
    of_shape = pc.index_in(rows.column("shape"), numbers)
    lengths = [len(it) for it in kept]
    labels = integers([position[label] for it in kept for label in it], pa.int32())
    labels = lists(labels, lengths).take(of_shape)
    texts, kinds = rows.column("texts"), rows.column("kinds")
    values = Values(texts.flatten(), kinds.flatten())
    whole = all(
        [*it.values()] == [*range(len(keys))] for it, (_, keys) in zip(kept, shapes, strict=True)
    )
    if not whole:
        wanted = integers([place for it in kept for place in it.values()], pa.int32())
        wanted = lists(wanted, lengths).take(of_shape)
        starts = pc.subtract(texts.offsets, texts.offsets[0])
        rows_ = pc.list_parent_indices(wanted)
        values = values.take(pc.add(wanted.flatten(), starts.take(rows_)))
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
