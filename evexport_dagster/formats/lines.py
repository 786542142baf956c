"""Files of records that are lines of text: gzip members around what DuckDB has rendered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from evexport_dagster.formats.base import LineFormat
from evexport_dagster.formats.gzip import Compressor, Members, read_back


class LineFiles:
    """The files of a format of lines; `formats.base` says what its parts are."""

    def __init__(self, format_: LineFormat, pool: ThreadPoolExecutor, *, stable: bool) -> None:
        self._format = format_
        self._compressor = Compressor(pool, stable=stable)

    def begin(self, path: Path, heading: Sequence[str]) -> LineFile:
        path.touch()
        members = Members(path, self._compressor)
        members.write(self._format.header(heading))
        return LineFile(path, self._format, members)

    def finish(self) -> None:
        self._compressor.finish()


class LineFile:
    """An open file of lines."""

    def __init__(self, path: Path, format_: LineFormat, members: Members) -> None:
        self._path, self._format, self._members = path, format_, members

    @property
    def waiting(self) -> int:
        return self._members.waiting

    def write(self, records: pa.Array) -> int:
        data, nuls = self._format.scrubbed(_text_of(records))
        self._members.write(data)
        return nuls

    def room(self, records: pa.Array, limit: int) -> int:
        positions = _positions(records)
        start = positions[0]
        reached = start + self._members.room(limit, positions[-1] - start)
        return bisect_right(positions, reached) - 1

    def set_aside(self) -> None:
        self._members.set_aside()

    def close(self) -> None:
        self._members.write(self._format.footer())
        self._members.close()

    def count(self) -> int:
        with self._path.open("rb") as file:
            return self._format.count(read_back(file))

    def discard(self) -> None:
        self._members.discard()


def _text_of(lines: pa.Array) -> memoryview:
    """The bytes of a slice of a string array, one value after the other, without a copy."""
    positions = _positions(lines)
    start, end = positions[0], positions[-1]
    return memoryview(lines.buffers()[2])[start:end] if end > start else memoryview(b"")


def _positions(lines: pa.Array) -> memoryview:
    """Where each line begins, and where the last one ends."""
    wide = pa.types.is_large_string(lines.type)
    positions = memoryview(lines.buffers()[1]).cast("q" if wide else "i")
    return positions[lines.offset : lines.offset + len(lines) + 1]
