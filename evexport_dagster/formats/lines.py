"""Files of records that are lines of text: gzip members around what DuckDB has rendered."""

from __future__ import annotations

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

    def begin(self, path: Path, labels: Sequence[str]) -> LineFile:
        path.touch()
        members = Members(path, self._compressor)
        members.write(self._format.header(labels))
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
    _, offsets, data = lines.buffers()
    wide = pa.types.is_large_string(lines.type)
    positions = memoryview(offsets).cast("q" if wide else "i")
    start, end = positions[lines.offset], positions[lines.offset + len(lines)]
    return memoryview(data)[start:end] if end > start else memoryview(b"")
