"""The format `parquet`: a column of maps for each group (product contract, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from evexport_dagster.formats.cells import Group
from evexport_dagster.formats.parquet.files import ParquetFiles
from evexport_dagster.formats.parquet.unions import SCHEMA, UNIONS, column
from evexport_dagster.formats.values import Entries, integers, strings

_TIME = "eventTime"


class ParquetFormat:
    """The format `parquet`; `formats.base` says what its parts are."""

    name = "parquet"
    picks_json = True
    flat = False
    any_number_passes = False
    separator = "\x1f"

    def group(self, group: Group) -> str:
        # JSON has no control character that is not escaped.
        cells = ", ".join(f"coalesce(({cell.json})::VARCHAR, '')" for cell in group.cells)
        return f"concat_ws(chr(31), {cells})"

    def column(self, group: str, entries: Entries) -> pa.Array:
        return column(group, entries)

    def records(
        self, label: str, times: pa.Array, groups: Mapping[str, pa.Array]
    ) -> pa.RecordBatch:
        rows = len(times)
        every = integers(range(rows + 1), pa.int32())
        stamps = pa.MapArray.from_arrays(every, _the_same(_TIME, rows), times)
        columns = [groups[it] if it in groups else _empty(it, rows) for it in UNIONS]
        return pa.RecordBatch.from_arrays([_the_same(label, rows), stamps, *columns], SCHEMA.names)

    def files(self, pool: ThreadPoolExecutor, compression: str, *, stable: bool) -> ParquetFiles:
        return ParquetFiles(pool, gzipped=compression == "gzip", stable=stable)


def _the_same(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(_zeros(rows), strings([text]))


def _zeros(count: int) -> pa.Array:
    return pa.Array.from_buffers(pa.int32(), count, [None, pa.py_buffer(bytes(4 * count))])


def _empty(group: str, rows: int) -> pa.MapArray:
    keys = pa.DictionaryArray.from_arrays(_zeros(0), strings([]))
    return pa.MapArray.from_arrays(_zeros(rows + 1), keys, pa.nulls(0, UNIONS[group]))
