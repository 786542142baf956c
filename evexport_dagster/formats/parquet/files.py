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

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evexport_dagster.errors import BugError
from evexport_dagster.formats.gzip import MEMBER_BYTES, member_maker, read_back
from evexport_dagster.formats.parquet.unions import SCHEMA, UNIONS
from evexport_dagster.formats.values import integers

GROUP_ROWS: Final = 122_880
GROUP_BYTES: Final = 64 << 20
"""A row group ends when its properties have so many bytes of text, if not before."""

_BATCH_VALUES: Final = 8192
_AHEAD: Final = 2


class ParquetFiles:
    """The files of the format; `formats.base` says what its parts are."""

    def __init__(self, pool: ThreadPoolExecutor, *, gzipped: bool, stable: bool) -> None:
        self._pool, self._gzipped, self._stable = pool, gzipped, stable
        self._under_way: deque[Future[None]] = deque()

    def begin(self, path: Path, labels: Sequence[str]) -> ParquetFile:
        member = member_maker(stable=self._stable) if self._gzipped else None
        return ParquetFile(path, Sink(path, member), self._submit)

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
        self, path: Path, sink: Sink, submit: Callable[[Callable[[], None]], Future[None]]
    ) -> None:
        self._path, self._sink, self._submit = path, sink, submit
        self._writer = _Writer(sink)
        self._group: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self._last: Future[None] | None = None

    def write(self, records: pa.RecordBatch) -> int:
        while len(records):
            rows, size = _room(records, GROUP_ROWS - self._rows, GROUP_BYTES - self._bytes)
            self._group.append(records.slice(0, rows))
            self._rows, self._bytes = self._rows + rows, self._bytes + size
            records = records.slice(rows)
            if self._rows == GROUP_ROWS or self._bytes >= GROUP_BYTES:
                self._end_group()
        return 0

    def set_aside(self) -> None:
        """What waits is one row group, and one file is open."""

    def close(self) -> None:
        if self._group:
            self._end_group()
        self._next(self._writer.close)

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


def _room(records: pa.RecordBatch, rows: int, size: int) -> tuple[int, int]:
    """How many of some records a row group takes, up to `rows` and the one that reaches `size`
    bytes of properties; and how many bytes these have."""
    first = records.slice(0, rows)
    properties = first.column("eventProps")
    texts = properties.items.field("member5")
    # Texts that are masked, because they are numbers, count too.
    ends = pa.Array.from_buffers(
        pa.int32(), len(texts) + 1, [None, texts.buffers()[1]], offset=texts.offset
    )
    reached = ends.take(properties.offsets)
    begin, end = reached[0].as_py(), reached[-1].as_py()
    if end - begin < size:
        return len(first), end - begin
    enough = pc.greater_equal(reached, integers([begin + size], pa.int32())[0])
    count = len(enough) - pc.sum(enough).as_py()
    return count, reached[count].as_py() - begin


class _Writer:
    """Writes the row groups of a file; runs in a thread, one call after the other."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._writer: pq.ParquetWriter | None = None

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Writes one row group."""
        group = _together(batches)
        if self._writer is None:
            self._writer = self._opened(group.schema)
        self._writer.write_batch(group, row_group_size=len(group))

    def close(self) -> None:
        """Writes the footer."""
        if self._writer is not None:
            self._writer.close()
        self._sink.close()

    def _opened(self, schema: pa.Schema) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            self._sink,
            schema,
            compression="zstd",
            use_dictionary=_TEXTS,
            write_statistics=False,
            write_page_checksum=True,
            write_batch_size=_BATCH_VALUES,
            store_schema=False,
        )


_TEXTS = [
    "eventName",
    *(f"{name}.key_value.key" for name in ("timestamp", *UNIONS)),
    *(f"{name}.key_value.value.member5" for name in UNIONS if name != "identity"),
]


def _together(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch of all, without any label that no record has."""
    columns = [
        _compact(pa.concat_arrays([it.column(name) for it in batches])) for name in SCHEMA.names
    ]
    return pa.RecordBatch.from_arrays(columns, SCHEMA.names)


def _compact(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.DictionaryArray):
        used = column.indices.dictionary_encode()
        return pa.DictionaryArray.from_arrays(used.indices, column.dictionary.take(used.dictionary))
    offsets = column.offsets
    start, end = offsets[0], offsets[-1].as_py()
    begin = start.as_py()
    return pa.MapArray.from_arrays(
        pc.subtract(offsets, start),
        _compact(column.keys.slice(begin, end - begin)),
        column.items.slice(begin, end - begin),
    )


class Sink:
    """A new file as `pyarrow` asks for one: it knows the checksum of its bytes, and is compressed
    by members where there is a maker of these."""

    def __init__(self, path: Path, member: Callable[[Sequence[bytes]], bytes] | None) -> None:
        self._file, self._member = path.open("wb"), member
        self._hash = hashlib.sha256()
        self._rest = bytearray()
        self._taken = 0
        self.closed = False

    @property
    def is_gzipped(self) -> bool:
        """Whether what is written becomes members of gzip."""
        return self._member is not None

    @property
    def sha256(self) -> str:
        """The checksum of the file."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Takes bytes of the Parquet file."""
        self._taken += len(data)
        if self._member is None:
            self._put(data)
            return len(data)
        self._rest += data
        while len(self._rest) >= MEMBER_BYTES:
            self._put(self._member([bytes(self._rest[:MEMBER_BYTES])]))
            del self._rest[:MEMBER_BYTES]
        return len(data)

    def tell(self) -> int:
        """How many bytes were taken."""
        return self._taken

    def flush(self) -> None:
        """What is no whole member yet stays."""

    def close(self) -> None:
        """Writes what is left."""
        if self._member is not None and self._rest:
            self._put(self._member([bytes(self._rest)]))
            self._rest = bytearray()
        self.abandon()

    def abandon(self) -> None:
        """Leaves the file as it is."""
        self._file.close()
        self.closed = True

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)


def _rows(path: Path) -> int:
    """The records by the footer of a file, if its rows are as many."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            by_footer = int(file.metadata.num_rows)
            found = len(file.read(columns=["eventName", "timestamp"], use_threads=False))
    except (pa.ArrowException, OSError) as error:
        raise BugError(f"{path.name} cannot be read back: {error}") from error
    if found != by_footer:
        raise BugError(f"{path.name}: {by_footer} records by its footer, {found} in it")
    return found
