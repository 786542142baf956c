"""Files in scratch: records written, rolled over at exactly N, counted back, checksummed."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from evexport_dagster.errors import BugError
from evexport_dagster.formats import Format
from evexport_dagster.formats.gzip import GzipWriter, read_back


@dataclass(frozen=True)
class SpoolFile:
    """A finished file in scratch: its instance, its index in the series, and what is in it."""

    path: Path
    instance: int
    index: int
    rows: int
    bytes: int
    sha256: str


@dataclass
class Spool:
    """The files of one delivery, one series per instance; one file is open at a time.

    `header` begins every file, `limit` is the number of records that a file holds at most,
    `stable` asks for the same bytes for the same records. `nuls` counts the NUL characters that
    the format could not write.
    """

    folder: Path
    format: Format
    header: bytes
    limit: int
    pool: ThreadPoolExecutor
    stable: bool = False
    files: list[SpoolFile] = field(default_factory=list)
    nuls: int = 0
    _open: _OpenFile | None = None

    def write(self, instance: int, lines: pa.Array) -> None:
        """Takes whole records of an instance; the records of an instance come together."""
        if self._open is not None and self._open.instance != instance:
            self._finish()
        while len(lines):
            file = self._open or self._begin(instance)
            room = self.limit - file.rows
            part, lines = lines[:room], lines[room:]
            data, nuls = self.format.scrubbed(_text_of(part))
            self.nuls += nuls
            file.write(data, len(part))
            if file.rows == self.limit:
                self._finish()

    def close(self) -> tuple[SpoolFile, ...]:
        """Finishes the last file; gives all of them."""
        if self._open is not None:
            self._finish()
        return tuple(self.files)

    def discard(self) -> None:
        """Removes every file from scratch."""
        if self._open is not None:
            with suppress(OSError):
                # On a full disk the last of its bytes cannot be written here either.
                self._open.raw.close()
            self._open.path.unlink(missing_ok=True)
        for file in self.files:
            file.path.unlink(missing_ok=True)

    def _begin(self, instance: int) -> _OpenFile:
        index = sum(file.instance == instance for file in self.files)
        path = self.folder / f"{instance}-{index}"
        raw = path.open("wb")
        self._open = _OpenFile(
            path, raw, GzipWriter(raw, self.pool, stable=self.stable), instance, index
        )
        self._open.gzip.write(self.header)
        return self._open

    def _finish(self) -> None:
        assert self._open is not None
        file = self._open
        file.gzip.write(self.format.footer())
        file.gzip.close()
        file.raw.close()
        self._open = None
        sha256, rows = _read_back(file.path, self.format)
        if rows != file.rows:
            raise BugError(f"{file.path.name}: {file.rows} records written, {rows} read back")
        size = file.path.stat().st_size
        self.files.append(SpoolFile(file.path, file.instance, file.index, rows, size, sha256))


@dataclass
class _OpenFile:
    path: Path
    raw: BinaryIO
    gzip: GzipWriter
    instance: int
    index: int
    rows: int = 0

    def write(self, data: bytes | memoryview, rows: int) -> None:
        self.gzip.write(data)
        self.rows += rows


def _text_of(lines: pa.Array) -> memoryview:
    """The bytes of a slice of a string array, one value after the other, without a copy."""
    _, offsets, data = lines.buffers()
    wide = pa.types.is_large_string(lines.type)
    positions = memoryview(offsets).cast("q" if wide else "i")
    start, end = positions[lines.offset], positions[lines.offset + len(lines)]
    return memoryview(data)[start:end] if end > start else memoryview(b"")


def _read_back(path: Path, format_: Format) -> tuple[str, int]:
    """The checksum of a file on disk, and the records that are in it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        return digest, format_.count(read_back(file))


def by_instance(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.Array]]:
    """(instance, lines) of a batch with the columns instance and line, sorted by instance."""
    instances, lines = batch.column(0), batch.column(1)
    if not len(lines):
        return
    first, last = instances[0].as_py(), instances[-1].as_py()
    values = [first] if first == last else instances.to_pylist()
    start = 0
    while start < len(lines):
        instance = last if first == last else values[start]
        end = len(lines) if instance == last else bisect_right(values, instance, lo=start)
        yield instance, lines[start:end]
        start = end
