"""Files in scratch: records written, rolled over at exactly N, counted back, checksummed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from evexport_dagster.errors import BugError
from evexport_dagster.formats import Format
from evexport_dagster.formats.gzip import Compressor, Members, read_back

_WAITING_BYTES = 64 << 20


@dataclass(frozen=True)
class SpoolFile:
    """A finished file in scratch: its event and instance by number, its index in the series, and
    what is in it."""

    path: Path
    event: int
    instance: int
    index: int
    rows: int
    bytes: int
    sha256: str


class Spool:
    """The files of a window: one series for each event and instance, in a folder.

    `header` gives the bytes that the files of an event begin with, `limit` is the number of
    records that a file holds at most. With `sorted_rows` the records of a series come together,
    and the same records give the same bytes. `nuls` counts the NUL characters of each event that
    the format could not write.
    """

    def __init__(
        self,
        folder: Path,
        format_: Format,
        header: Callable[[int], bytes],
        limit: int,
        pool: ThreadPoolExecutor,
        *,
        sorted_rows: bool,
    ) -> None:
        self._folder, self._format, self._header = folder, format_, header
        self._limit, self._pool, self._sorted = limit, pool, sorted_rows
        self._compressor = Compressor(pool, stable=sorted_rows)
        self._open: dict[tuple[int, int], _OpenFile] = {}
        self._closed: list[_OpenFile] = []
        self._begun: Counter[tuple[int, int]] = Counter()
        self._waiting = 0
        self.nuls: Counter[int] = Counter()

    def write(self, event: int, instance: int, lines: pa.Array) -> None:
        """Takes whole records of an event and instance."""
        series = (event, instance)
        if self._sorted and series not in self._open:
            self._close_all()
        while len(lines):
            file = self._open.get(series) or self._begin(*series)
            part, lines = lines[: self._limit - file.rows], lines[self._limit - file.rows :]
            data, nuls = self._format.scrubbed(_text_of(part))
            self.nuls[event] += nuls
            self._waiting -= file.members.waiting
            file.members.write(data)
            self._waiting += file.members.waiting
            file.rows += len(part)
            if file.rows == self._limit:
                self._close(series)
        if self._waiting > _WAITING_BYTES:
            self._set_aside()

    def finish(self, outdated: Collection[int] = ()) -> tuple[SpoolFile, ...]:
        """Every file, complete and counted back, but those of outdated events, which go."""
        self._close_all()
        self._compressor.finish()
        for file in self._closed:
            if file.event in outdated:
                file.path.unlink()
        kept = sorted(
            (it for it in self._closed if it.event not in outdated),
            key=lambda it: (it.event, it.instance, it.index),
        )
        return tuple(self._pool.map(self._counted_back, kept))

    def discard(self) -> None:
        """Removes every file that is still there."""
        for file in (*self._open.values(), *self._closed):
            file.members.discard()
            file.path.unlink(missing_ok=True)

    def _begin(self, event: int, instance: int) -> _OpenFile:
        series = (event, instance)
        index = self._begun[series]
        self._begun[series] += 1
        path = self._folder / f"{event}.{instance}.{index}"
        path.touch()
        file = _OpenFile(path, Members(path, self._compressor), event, instance, index)
        file.members.write(self._header(event))
        self._waiting += file.members.waiting
        self._open[series] = file
        return file

    def _close_all(self) -> None:
        for series in list(self._open):
            self._close(series)

    def _close(self, series: tuple[int, int]) -> None:
        file = self._open.pop(series)
        self._waiting -= file.members.waiting
        file.members.write(self._format.footer())
        file.members.close()
        self._closed.append(file)

    def _set_aside(self) -> None:
        for file in self._open.values():
            file.members.set_aside()
        self._waiting = 0

    def _counted_back(self, file: _OpenFile) -> SpoolFile:
        with file.path.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            opened.seek(0)
            rows = self._format.count(read_back(opened))
        if rows != file.rows:
            raise BugError(f"{file.path.name}: {file.rows} records written, {rows} read back")
        size = file.path.stat().st_size
        return SpoolFile(file.path, file.event, file.instance, file.index, rows, size, sha256)


@dataclass
class _OpenFile:
    path: Path
    members: Members
    event: int
    instance: int
    index: int
    rows: int = 0


def rows_by_instance(files: Iterable[SpoolFile]) -> Counter[int]:
    """How many records the files of an event have, for each instance."""
    counted: Counter[int] = Counter()
    for file in files:
        counted[file.instance] += file.rows
    return counted


def _text_of(lines: pa.Array) -> memoryview:
    """The bytes of a slice of a string array, one value after the other, without a copy."""
    _, offsets, data = lines.buffers()
    wide = pa.types.is_large_string(lines.type)
    positions = memoryview(offsets).cast("q" if wide else "i")
    start, end = positions[lines.offset], positions[lines.offset + len(lines)]
    return memoryview(data)[start:end] if end > start else memoryview(b"")
