"""The leaves of a column as Parquet's pages: encoded, compressed, with checksums.

https://github.com/apache/parquet-format/blob/master/README.md, data pages of version 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib

from evexport_dagster.compiled.numbers import integers_of
from evexport_dagster.compiled.packing import packed, with_lengths
from evexport_dagster.compiled.spans import spans
from evexport_dagster.formats.parquet.leaves import leaves
from evexport_dagster.formats.parquet.levels import Leaf, Levels, Slots, present_until
from evexport_dagster.formats.parquet.thrift import Thrift, i32, i64, listed, structure, text

PAGE_ROWS: Final = 20_480

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY = 0, 1, 2, 4, 5, 6
"""Parquet's numbers for types."""

_PLAIN, _RLE, _RLE_DICTIONARY = 0, 3, 8
_ZSTD = 6
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_SAMPLED: Final = 4096
_CODEC: Final = pa.Codec("zstd")

Bytes: TypeAlias = bytes | memoryview


def physical_type(kind: pa.DataType) -> int:
    """Parquet's number for the type of a leaf."""
    number: int = _TYPES[kind]
    return number


_TYPES: Final = {
    pa.bool_(): BOOLEAN,
    pa.int32(): INT32,
    pa.int64(): INT64,
    pa.float32(): FLOAT,
    pa.float64(): DOUBLE,
    pa.string(): BYTE_ARRAY,
}


@dataclass(frozen=True)
class _Page:
    header: bytes
    data: pa.Buffer
    plain_size: int

    @property
    def size(self) -> int:
        return len(self.header) + int(self.data.size)


@dataclass(frozen=True)
class ColumnChunk:
    """A leaf in a row group: its pages. The first is its dictionary where that has bytes."""

    leaf: Leaf
    pages: Sequence[_Page]
    dictionary_size: int = 0

    @property
    def parts(self) -> Iterator[bytes | pa.Buffer]:
        """The bytes, in pieces."""
        for page in self.pages:
            yield from (page.header, page.data)

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return sum(page.size for page in self.pages)

    @property
    def plain_size(self) -> int:
        """The bytes that it would take if pages were not compressed."""
        return sum(len(page.header) + page.plain_size for page in self.pages)

    def metadata(self, begin: int) -> Thrift:
        """`ColumnChunk` of the footer, where it begins at this byte of the file."""
        encodings = [_RLE, _PLAIN, *([_RLE_DICTIONARY] if self.dictionary_size else [])]
        own = {
            1: i32(physical_type(self.leaf.kind)),
            2: listed([i32(it) for it in encodings]),
            3: listed([text(it) for it in self.leaf.path]),
            4: i32(_ZSTD),
            5: i64(len(self.leaf.slots.definition)),
            6: i64(self.plain_size),
            7: i64(self.size),
            9: i64(begin + self.dictionary_size),
        }
        own |= {11: i64(begin)} if self.dictionary_size else {}
        return structure({2: i64(begin), 3: structure(own)})


def column_chunks(field: pa.Field, column: pa.Array) -> Iterator[ColumnChunk]:
    """A column of a row group, as its leaves."""
    shared = _Shared(len(column))
    for leaf in leaves(field, column):
        yield _column_chunk(leaf, shared) if len(leaf.values) else shared.without_values(leaf)


class _Shared:
    """What leaves of a column have in common where they have the same levels, encoded once."""

    def __init__(self, rows: int) -> None:
        self._firsts = np.arange(0, rows, PAGE_ROWS)
        # Levels are kept beside what is made of them, so that no others get their identity.
        self._borders: dict[int, tuple[Levels, list[int]]] = {}
        self._repetition: dict[int, tuple[Levels, list[bytes]]] = {}
        self._empty: dict[tuple[int, int], tuple[Levels, list[_Page]]] = {}

    def borders(self, slots: Slots) -> list[int]:
        """The slots that pages begin with, and the number of all."""
        levels, key = slots.repetition, id(slots.repetition)
        if key not in self._borders:
            begins = np.flatnonzero(levels == 0)[self._firsts]
            self._borders[key] = levels, [*begins.tolist(), len(levels)]
        return self._borders[key][1]

    def levels(self, slots: Slots) -> list[bytes]:
        """What each page begins with."""
        borders, key = self.borders(slots), id(slots.repetition)
        if key not in self._repetition:
            encoded = _levels(slots.repetition, slots.most_repetition, borders)
            self._repetition[key] = slots.repetition, encoded
        repetition = self._repetition[key][1]
        definition = _levels(slots.definition, slots.most_definition, borders)
        return [a + b for a, b in zip(repetition, definition, strict=True)]

    def without_values(self, leaf: Leaf) -> ColumnChunk:
        """A leaf of which no value is there."""
        slots = leaf.slots
        # The same levels take more bits where a path is longer.
        key = id(slots.definition), slots.most_definition.bit_length()
        if key not in self._empty:
            pages = _data_pages(self.levels(slots), repeat(b""), self.borders(slots), _PLAIN)
            self._empty[key] = slots.definition, pages
        return ColumnChunk(leaf, self._empty[key][1])


def _levels(levels: Levels, most: int, borders: Sequence[int]) -> list[bytes]:
    """The levels of each page; nothing where all are 0."""
    width = most.bit_length()
    if not width:
        return [b""] * (len(borders) - 1)
    pages = [packed(levels[first:end], width).tobytes() for first, end in pairwise(borders)]
    return [len(it).to_bytes(4, "little") + it for it in pages]


def _column_chunk(leaf: Leaf, shared: _Shared) -> ColumnChunk:
    borders, levels = shared.borders(leaf.slots), shared.levels(leaf.slots)
    until = present_until(leaf, borders)
    coded = _coded(leaf.values)
    if coded is None:
        pages = _data_pages(levels, _plain_pages(leaf.values, until), borders, _PLAIN)
        return ColumnChunk(leaf, pages)
    first = _dictionary_page(coded.dictionary)
    pages = _data_pages(levels, _coded_pages(coded, until), borders, _RLE_DICTIONARY)
    return ColumnChunk(leaf, [first, *pages], first.size)


def _coded(values: pa.Array) -> pa.DictionaryArray | None:
    """Values as those of a dictionary, where they are texts of which many are the same."""
    if isinstance(values, pa.DictionaryArray):
        return values
    if not pa.types.is_string(values.type):
        return None
    first = values.slice(0, _SAMPLED)
    if pc.count_distinct(first).as_py() * 2 > len(first):
        return None
    coded = values.dictionary_encode()
    return coded if len(coded.dictionary) * 2 <= len(values) else None


def _plain_pages(values: pa.Array, until: Sequence[int]) -> Iterator[Bytes]:
    for first, end in pairwise(until):
        yield _plain(values.slice(first, end - first))


def _coded_pages(coded: pa.DictionaryArray, until: Sequence[int]) -> Iterator[Bytes]:
    codes = integers_of(coded.indices)
    width = max(len(coded.dictionary) - 1, 1).bit_length()
    for first, end in pairwise(until):
        yield bytes([width]) + packed(codes[first:end], width).tobytes()


def _plain(values: pa.Array) -> Bytes:
    if pa.types.is_string(values.type):
        return with_lengths(spans(values)).data
    if pa.types.is_boolean(values.type):
        present = integers_of(values.cast(pa.uint8()))
        return np.packbits(present, bitorder="little").data
    return integers_of(values).view(np.uint8).data


def _data_pages(
    levels: Iterable[bytes], values: Iterable[Bytes], borders: Sequence[int], encoding: int
) -> list[_Page]:
    own = {2: i32(encoding), 3: i32(_RLE), 4: i32(_RLE)}
    return [
        _page(_DATA_PAGE, {5: structure({1: i32(end - first)} | own)}, b"".join([before, data]))
        for before, data, (first, end) in zip(levels, values, pairwise(borders), strict=False)
    ]


def _dictionary_page(values: pa.Array) -> _Page:
    header = structure({1: i32(len(values)), 2: i32(_PLAIN)})
    return _page(_DICTIONARY_PAGE, {7: header}, bytes(_plain(values)))


def _page(kind: int, header: dict[int, Thrift], data: bytes) -> _Page:
    compressed = _CODEC.compress(data)
    checksum = isal_zlib.crc32(compressed)
    own = {
        1: i32(kind),
        2: i32(len(data)),
        3: i32(compressed.size),
        4: i32(checksum - (1 << 32) if checksum >> 31 else checksum),
    }
    return _Page(structure(own | header).data, compressed, len(data))
