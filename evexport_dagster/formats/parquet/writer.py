"""A Parquet file: row groups, and the footer that says where they are.

A union has seven leaves, most of them without any value, and each leaf has levels for every value
of a map: what leaves share is encoded once, which general writers cannot do (`pyarrow`'s takes
half as long again for a whole export).
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import pyarrow as pa

from evexport_dagster.formats.parquet.pages import column_chunks, physical_type
from evexport_dagster.formats.parquet.thrift import Thrift, i16, i32, i64, listed, structure, text

_MAGIC: Final = b"PAR1"
_VERSION: Final = 2
_CREATED_BY: Final = "evexport_dagster version 1"
"""The version of this writer, in the form that parquet-java understands."""

_REQUIRED, _OPTIONAL, _REPEATED = 0, 1, 2
_UTF8, _MAP, _LIST = 0, 1, 3
_LOGICAL: Final = {
    converted: structure({number: structure({})})
    for converted, number in ((_UTF8, 1), (_MAP, 2), (_LIST, 3))
}


class _Output(Protocol):
    def write(self, data: bytes) -> int: ...

    def tell(self) -> int: ...


class ParquetWriter:
    """Writes batches of one schema to a file, each as a row group, compressed by zstd; one at
    least.

    A column of a batch may be coded by a dictionary where the schema has texts, and have values
    that are in no union yet (`unions.VALUE`) where it has unions. Types are those of
    `pages.physical_type`, and structs, maps and lists of them.
    """

    def __init__(self, out: _Output, schema: pa.Schema) -> None:
        self._out, self._schema = out, schema
        self._groups: list[Thrift] = []
        self._rows = 0
        out.write(_MAGIC)

    def write(self, batch: pa.RecordBatch) -> None:
        """Writes a row group of all the rows of a batch, one at least."""
        begin, size, plain_size, columns = self._out.tell(), 0, 0, []
        for field in self._schema:
            for chunk in column_chunks(field, batch.column(field.name)):
                columns.append(chunk.metadata(begin + size))
                for part in chunk.parts:
                    self._out.write(part)
                size, plain_size = size + chunk.size, plain_size + chunk.plain_size
        group = {1: listed(columns), 2: i64(plain_size), 3: i64(len(batch)), 5: i64(begin)}
        group |= {6: i64(size), 7: i16(len(self._groups))}
        self._groups.append(structure(group))
        self._rows += len(batch)

    def close(self) -> None:
        """Writes the footer."""
        footer = structure(
            {
                1: i32(_VERSION),
                2: listed([*_elements(self._schema)]),
                3: i64(self._rows),
                4: listed(self._groups),
                6: text(_CREATED_BY),
            }
        ).data
        self._out.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)


def _elements(schema: pa.Schema) -> Iterator[Thrift]:
    """The schema as Parquet has it: each node before its children."""
    yield _node("schema", _REQUIRED, len(schema))
    for field in schema:
        yield from _elements_of(field.name, field)


def _elements_of(name: str, field: pa.Field) -> Iterator[Thrift]:
    kind, repetition = field.type, _OPTIONAL if field.nullable else _REQUIRED
    if pa.types.is_struct(kind):
        yield _node(name, repetition, kind.num_fields)
        for child in kind:
            yield from _elements_of(child.name, child)
    elif pa.types.is_map(kind):
        yield _node(name, repetition, 1, _MAP)
        yield _node("key_value", _REPEATED, 2)
        yield from _elements_of("key", kind.key_field)
        yield from _elements_of("value", kind.item_field)
    elif pa.types.is_list(kind):
        yield _node(name, repetition, 1, _LIST)
        yield _node("list", _REPEATED, 1)
        yield from _elements_of("element", kind.value_field)
    else:
        converted = _UTF8 if pa.types.is_string(kind) else None
        own = {1: i32(physical_type(kind)), 3: i32(repetition), 4: text(name)}
        yield structure(own | _meaning(converted))


def _node(name: str, repetition: int, children: int, converted: int | None = None) -> Thrift:
    own = {3: i32(repetition), 4: text(name), 5: i32(children)}
    return structure(own | _meaning(converted))


def _meaning(converted: int | None) -> dict[int, Thrift]:
    return {} if converted is None else {6: i32(converted), 10: _LOGICAL[converted]}
