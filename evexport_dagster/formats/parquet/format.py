"""The format `parquet`: a column of maps for each group (product contract, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.formats.cells import Group
from evexport_dagster.formats.parquet.files import ParquetFiles
from evexport_dagster.formats.parquet.unions import STAMPS, VALUE, column, schema_of
from evexport_dagster.formats.values import Entries, integers, strings
from evexport_dagster.layouts import CLEVERTAP, Deleted, EventName, EventTime, Layout

_TRUE = strings(["true"])[0]


class ParquetFormat:
    """The format `parquet`; `formats.base` says what its parts are."""

    name = "parquet"
    picks_json = True
    flat = False
    separator = "\x1f"

    def __init__(self, layout: Layout = CLEVERTAP) -> None:
        self.has_structs = layout.has_structs
        self._schema = schema_of(layout)
        self._properties = layout.properties
        self._record = layout.record

    def group(self, group: Group) -> str:
        return self.members(group)

    def members(self, group: Group) -> str:
        # JSON has no control character that is not escaped.
        cells = ", ".join(f"coalesce(({cell.json})::VARCHAR, '')" for cell in group.cells)
        return f"concat_ws(chr(31), {cells})"

    def heading(self, event: str, labels: Sequence[str]) -> Sequence[str]:
        return ()

    def column(self, group: str, entries: Entries) -> pa.Array:
        return column(entries)

    def records(
        self, label: str, leads: pa.Array, columns: Mapping[str, pa.Array]
    ) -> pa.RecordBatch:
        own = {**columns}
        for member in self._record:
            match member:
                case EventName(name):
                    own[name] = _the_same(label, len(leads))
                case EventTime(name):
                    own |= self._times(name, leads)
                case Deleted(name):
                    own[name] = pc.equal(leads, _TRUE)
        made = [self._column(field, len(leads), own) for field in self._schema]
        return pa.RecordBatch.from_arrays(made, self._schema.names)

    def files(self, pool: ThreadPoolExecutor, compression: str, *, stable: bool) -> ParquetFiles:
        return ParquetFiles(
            pool, self._schema, self._properties, gzipped=compression == "gzip", stable=stable
        )

    def _times(self, name: str, times: pa.Array) -> dict[str, pa.Array]:
        if STAMPS not in self._schema.names:
            return {name: times.cast(self._schema.field(name).type)}
        every = integers(range(len(times) + 1), pa.int32())
        stamps = pa.MapArray.from_arrays(every, _the_same(name, len(times)), times)
        return {STAMPS: stamps}

    def _column(self, field: pa.Field, rows: int, made: Mapping[str, pa.Array]) -> pa.Array:
        if field.name in made:
            return made[field.name]
        if pa.types.is_struct(field.type):
            children = [made[f"{field.name}.{it.name}"] for it in field.type]
            return pa.StructArray.from_arrays(children, fields=list(field.type))
        return _empty(rows)


def _the_same(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(_zeros(rows), strings([text]))


def _zeros(count: int) -> pa.Array:
    return pa.Array.from_buffers(pa.int32(), count, [None, pa.py_buffer(bytes(4 * count))])


def _empty(rows: int) -> pa.MapArray:
    keys = pa.DictionaryArray.from_arrays(_zeros(0), strings([]))
    return pa.MapArray.from_arrays(_zeros(rows + 1), keys, pa.nulls(0, VALUE))
