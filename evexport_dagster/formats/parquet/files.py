"""Parquet files, written row group by row group in threads, and read back.

Where a row group ends depends on its records alone, and each is written as one piece, so that
the same records give the same bytes however they came.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evexport_dagster.compiled.numbers import booleans, integers_of, numbers
from evexport_dagster.errors import BugError
from evexport_dagster.formats.gzip import member_maker, read_back
from evexport_dagster.formats.parquet.sink import Sink
from evexport_dagster.formats.parquet.writer import ParquetWriter
from evexport_dagster.formats.values import integers

GROUP_ROWS: Final = 61_440
GROUP_BYTES: Final = 64 << 20
"""A row group ends when its properties have so many bytes of text, if not before."""

_ROW_BYTES: Final = 1024
"""More than a record takes beside the texts of its properties."""

_FOOTER_BYTES: Final = 1 << 20
_LEAST_GROUP: Final = 64
_AHEAD: Final = 1


class ParquetFiles:
    """The files of the format; `formats.base` says what its parts are. `properties` is the column
    that most of a record is in."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        schema: pa.Schema,
        properties: str,
        *,
        gzipped: bool,
        stable: bool,
    ) -> None:
        self._pool, self._schema, self._properties = pool, schema, properties
        self._gzipped, self._stable = gzipped, stable
        self._under_way: deque[Future[None]] = deque()

    def begin(self, path: Path, heading: Sequence[str]) -> ParquetFile:
        member = member_maker(stable=self._stable) if self._gzipped else None
        writer = _Writer(Sink(path, member), self._schema)
        return ParquetFile(path, writer, self._properties, self._submit)

    def finish(self) -> None:
        while self._under_way:
            self._under_way.popleft().result()

    def _submit(self, task: Callable[[], None]) -> Future[None]:
        """Has a thread do what is to be done, once few other things are under way."""
        while len(self._under_way) >= _AHEAD:
            self._under_way.popleft().result()
        future = self._pool.submit(task)
        self._under_way.append(future)
        return future


class ParquetFile:
    """An open file."""

    waiting = 0

    def __init__(
        self,
        path: Path,
        writer: _Writer,
        properties: str,
        submit: Callable[[Callable[[], None]], Future[None]],
    ) -> None:
        self._path, self._properties, self._submit = path, properties, submit
        self._writer, self._sink = writer, writer.sink
        self._group: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self._last: Future[None] | None = None

    def write(self, records: pa.RecordBatch) -> int:
        while len(records):
            texts = _texts_until(records, self._properties)
            rows, size = _room(texts, GROUP_ROWS - self._rows, GROUP_BYTES - self._bytes)
            self._group.append(records.slice(0, rows))
            self._rows, self._bytes = self._rows + rows, self._bytes + size
            records = records.slice(rows)
            if self._rows == GROUP_ROWS or self._bytes >= GROUP_BYTES:
                self._end_group()
        return 0

    def room(self, records: pa.RecordBatch, limit: int) -> int:
        texts = _texts_until(records, self._properties)
        while True:
            free = limit - self._size() - _FOOTER_BYTES
            fitting = _fitting(texts, free - self._bytes - self._rows * _ROW_BYTES)
            if fitting or not self._group or free < limit // _LEAST_GROUP:
                return fitting
            # Compressed, the row group may leave room for another one.
            self._end_group()

    def _size(self) -> int:
        """The bytes of the complete row groups."""
        if self._last is not None:
            self._last.result()
        return self._sink.size

    def set_aside(self) -> None:
        """What waits is one row group, and one file is open."""

    def close(self) -> None:
        # One task: nobody waits for the last row group before the next file begins.
        self._next(partial(self._writer.finish, self._group))
        self._group = []

    def count(self) -> int:
        with self._path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self._sink.sha256:
                raise BugError(f"{self._path.name} is not what was written to it")
        if not self._sink.is_gzipped:
            return _rows(self._path)
        plain = self._path.with_name(f"{self._path.name}.plain")
        try:
            with self._path.open("rb") as packed, plain.open("wb") as unpacked:
                unpacked.writelines(read_back(packed))
            return _rows(plain)
        finally:
            plain.unlink(missing_ok=True)

    def discard(self) -> None:
        if self._last is not None:
            wait([self._last])
        self._sink.abandon()

    def _end_group(self) -> None:
        self._next(partial(self._writer.write, self._group))
        self._group, self._rows, self._bytes = [], 0, 0

    def _next(self, task: Callable[[], None]) -> None:
        """What is done to a file is done one after the other."""
        if self._last is not None:
            self._last.result()
        self._last = self._submit(task)


def _fitting(texts: pa.Int32Array, free: int) -> int:
    """How many records fit for certain into so many bytes."""
    begin = texts[0].as_py()
    ends = texts.to_pylist()[1:]
    weights = (end - begin + (n + 1) * _ROW_BYTES for n, end in enumerate(ends))
    return sum(1 for weight in weights if weight <= free)


def _texts_until(records: pa.RecordBatch, properties: str) -> pa.Int32Array:
    """Where the texts of the properties of each record begin, and where the last ones end."""
    column = records.column(properties)
    texts = column.items.field("text")
    ends = pa.Array.from_buffers(
        pa.int32(), len(texts) + 1, [None, texts.buffers()[1]], offset=texts.offset
    )
    return ends.take(column.offsets)


def _room(texts: pa.Int32Array, rows: int, size: int) -> tuple[int, int]:
    """How many of some records a row group takes, up to `rows` and the one that reaches `size`
    bytes of properties; and how many bytes these have."""
    reached = texts.slice(0, rows + 1)
    begin, end = reached[0].as_py(), reached[-1].as_py()
    if end - begin < size:
        return len(reached) - 1, end - begin
    enough = pc.greater_equal(reached, integers([begin + size], pa.int32())[0])
    count = len(enough) - pc.sum(enough).as_py()
    return count, reached[count].as_py() - begin


class _Writer:
    """Writes the row groups of a file; runs in a thread, one call after the other."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        self.sink, self._schema = sink, schema
        self._writer: ParquetWriter | None = None

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Writes one row group."""
        if self._writer is None:
            self._writer = ParquetWriter(self.sink, self._schema)
        self._writer.write(_together(batches))

    def finish(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Writes the last row group, if there is one, and the footer."""
        if batches:
            self.write(batches)
        if self._writer is not None:
            self._writer.close()
        self.sink.close()


def _together(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch of all, without any label that no record has."""
    names = batches[0].schema.names
    columns = [_compact(pa.concat_arrays([it.column(name) for it in batches])) for name in names]
    return pa.RecordBatch.from_arrays(columns, names)


def _compact(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.DictionaryArray):
        codes = integers_of(column.indices)
        is_used = np.bincount(codes, minlength=len(column.dictionary)) > 0
        kept = (np.cumsum(is_used, dtype=np.int32) - 1)[codes]
        return pa.DictionaryArray.from_arrays(
            numbers(kept), column.dictionary.filter(booleans(is_used))
        )
    if not isinstance(column, pa.MapArray):
        return column
    offsets = column.offsets
    start, end = offsets[0], offsets[-1].as_py()
    begin = start.as_py()
    return pa.MapArray.from_arrays(
        pc.subtract(offsets, start),
        _compact(column.keys.slice(begin, end - begin)),
        column.items.slice(begin, end - begin),
    )


def _rows(path: Path) -> int:
    """The records by the footer of a file, if its rows are as many."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            by_footer = int(file.metadata.num_rows)
            first = file.schema_arrow.names[:2]
            found = len(file.read(columns=first, use_threads=False))
    except (pa.ArrowException, OSError) as error:
        raise BugError(f"{path.name} cannot be read back: {error}") from error
    if found != by_footer:
        raise BugError(f"{path.name}: {by_footer} records by its footer, {found} in it")
    return found
