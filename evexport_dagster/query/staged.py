"""A chunk of rows whose properties are clean, and which of its people, devices and shapes each has.

Rows are told apart once, in Arrow; what SQL has to find is found for each distinct value.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evexport_dagster.compiled.gather import gathered
from evexport_dagster.compiled.numbers import integers_of, numbers
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.query.shape import DEVICES, PEOPLE

Numbers: TypeAlias = NDArray[np.int64]

_SERIES_BITS: Final = 32


@dataclass(frozen=True)
class Staged:
    """Rows of a chunk, in order: each array says something of every row.

    `rows`: where it stands in the table `staged`, which has what the source gave. `shapes`,
    `people`, `devices`: its `number` in the tables `shapes`, `people_of_chunk`, and
    `devices_of_chunk`. `objects`: its clean properties. `profile_ids` and `device_texts` are what
    these numbers stand for.
    """

    rows: Numbers
    events: Numbers
    instances: Numbers
    shapes: Numbers
    people: Numbers
    devices: Numbers
    objects: Spans
    profile_ids: pa.Array
    device_texts: pa.Array

    @property
    def series(self) -> Numbers:
        """The number of the files that a row belongs to."""
        return (self.events << _SERIES_BITS) + self.instances

    def numbers_of(self, table: str) -> Numbers:
        """The `number` of each row's person or device, by the name of their table."""
        return {PEOPLE: self.people, DEVICES: self.devices}[table]

    def of_events(self, events: Collection[int]) -> Staged:
        """The rows of these events."""
        kept = np.flatnonzero(np.isin(self.events, np.fromiter(events, np.int64)))
        if len(kept) == len(self.rows):
            return self
        arrays = ("rows", "events", "instances", "shapes", "people", "devices")
        taken: dict[str, Any] = {name: getattr(self, name)[kept] for name in arrays}
        return replace(self, **taken, objects=self.objects.take(kept))


def event_and_instance(series: int) -> tuple[int, int]:
    """What a number of files stands for."""
    event = (series + (1 << _SERIES_BITS - 1)) >> _SERIES_BITS
    return event, series - (event << _SERIES_BITS)


def told_apart(values: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, Numbers]:
    """The distinct ones of some values, NULL among them, and which of them each value is."""
    encoded = pc.dictionary_encode(values, null_encoding="encode")
    parts = encoded.chunks if isinstance(encoded, pa.ChunkedArray) else [encoded]
    found = np.concatenate([integers_of(part.indices) for part in parts])
    # The distinct values of a part are those of the parts before it, too.
    return parts[-1].dictionary, found.astype(np.int64)


def of_each_row(con: duckdb.DuckDBPyConnection, columns: str) -> pa.Table:
    """Columns, by SQL, of the rows of `staged`, in their order."""
    found = con.sql(f"SELECT row, {columns} FROM staged").to_arrow_table()
    rows = integers_of(found.column("row"))
    if (np.diff(rows) > 0).all():
        return found
    return found.take(numbers(np.argsort(rows)))


def stage(
    con: duckdb.DuckDBPyConnection, chunk: pa.Table, objects: Spans, hashes: NDArray[np.uint64]
) -> Staged:
    """Make the tables of a chunk, given the clean properties of its rows, and hashes of their keys.

    `shapes` are the lists of keys that the properties of each event have, with the JSON types of
    the values in the first row of each, and how many rows these are. One list may have two shapes,
    if its keys are spelled in two ways.
    """
    con.register("staged", chunk.append_column("row", numbers(np.arange(len(chunk)))))
    people, devices = (told_apart(chunk.column(it)) for it in ("profile_id", "device"))
    for name, column, (values, _) in (
        ("people_of_chunk", "profile_id", people),
        ("devices_of_chunk", "device", devices),
    ):
        numbered = pa.Table.from_arrays(
            [numbers(np.arange(len(values))), values], ["number", column]
        )
        con.register(name, numbered)
    events = integers_of(chunk.column("event"))
    return Staged(
        np.arange(len(chunk)),
        events,
        integers_of(chunk.column("instance")),
        _make_shapes(con, events, hashes, integers_of(chunk.column("position")), objects),
        people[1],
        devices[1],
        objects,
        people[0],
        devices[0],
    )


def _make_shapes(
    con: duckdb.DuckDBPyConnection,
    events: Numbers,
    hashes: NDArray[np.uint64],
    positions: Numbers,
    objects: Spans,
) -> Numbers:
    """Make the table `shapes`; gives the shape of each row. Only its first row is parsed."""
    lists, list_of = told_apart(numbers(hashes))
    pairs, shapes = told_apart(numbers(events * len(lists) + list_of))
    first, lowest = firsts(shapes, positions, len(pairs))
    found = pa.Table.from_pydict(
        {
            "number": numbers(np.arange(len(pairs))),
            "event": numbers(events[first]),
            "n": numbers(np.bincount(shapes, minlength=len(pairs))),
            "position": numbers(lowest),
            "first": gathered(objects.take(first)),
        }
    )
    con.register("found_shapes", found)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE shapes AS
        SELECT number, event, n, position, json_keys(first) AS keys,
            json_type(first, '$.*') AS kinds
        FROM found_shapes
        """
    )
    con.unregister("found_shapes")
    return shapes


def firsts(codes: Numbers, positions: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """For each of so many codes the row that has it at the lowest position, and this position."""
    lowest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(lowest, codes, positions)
    is_lowest = np.flatnonzero(positions == lowest[codes])
    first = np.zeros(count, np.int64)
    first[codes[is_lowest]] = is_lowest
    return first, lowest
