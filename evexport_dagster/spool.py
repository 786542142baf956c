"""Files in scratch: records written, rolled over at exactly N, counted back, checksummed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evexport_dagster.errors import BugError
from evexport_dagster.formats import Files, RecordFile, Records

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

    `heading` gives what the files of an event begin with. A file holds at most `limit` records, and
    `most_bytes` bytes, but one record at least. With `together` the records of a series come
    together. `nuls` counts the NUL characters of each event that the format could not write.
    """

    def __init__(
        self,
        folder: Path,
        files: Files,
        heading: Callable[[int], Sequence[str]],
        limit: int,
        pool: ThreadPoolExecutor,
        *,
        together: bool,
        most_bytes: int | None = None,
    ) -> None:
        self._folder, self._files, self._heading = folder, files, heading
        self._limit, self._pool, self._together = limit, pool, together
        self._most_bytes = most_bytes
        self._open: dict[tuple[int, int], _OpenFile] = {}
        self._closed: list[_OpenFile] = []
        self._begun: Counter[tuple[int, int]] = Counter()
        self._waiting = 0
        self.nuls: Counter[int] = Counter()

    def write(self, event: int, instance: int, records: Records) -> None:
        """Takes whole records of an event and instance."""
        series = (event, instance)
        if self._together and series not in self._open:
            self._close_all()
        while len(records):
            file = self._open.get(series) or self._begin(*series)
            room = self._room(file, records)
            if not room:
                self._close(series)
                continue
            part, records = records.slice(0, room), records.slice(min(room, len(records)))
            self._waiting -= file.written.waiting
            self.nuls[event] += file.written.write(part)
            self._waiting += file.written.waiting
            file.rows += len(part)
            if file.rows == self._limit:
                self._close(series)
        if self._waiting > _WAITING_BYTES:
            self._set_aside()

    def finish(self, outdated: Collection[int] = ()) -> tuple[SpoolFile, ...]:
        """Every file, complete and counted back, but those of outdated events, which go."""
        self._close_all()
        self._files.finish()
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
            file.written.discard()
            file.path.unlink(missing_ok=True)

    def _room(self, file: _OpenFile, records: Records) -> int:
        rows = self._limit - file.rows
        if self._most_bytes is None:
            return rows
        fitting = file.written.room(records, self._most_bytes)
        return min(rows, max(fitting, 1 if file.rows == 0 else 0))

    def _begin(self, event: int, instance: int) -> _OpenFile:
        series = (event, instance)
        index = self._begun[series]
        self._begun[series] += 1
        path = self._folder / f"{event}.{instance}.{index}"
        written = self._files.begin(path, self._heading(event))
        file = _OpenFile(path, written, event, instance, index)
        self._waiting += written.waiting
        self._open[series] = file
        return file

    def _close_all(self) -> None:
        for series in list(self._open):
            self._close(series)

    def _close(self, series: tuple[int, int]) -> None:
        file = self._open.pop(series)
        self._waiting -= file.written.waiting
        file.written.close()
        self._closed.append(file)

    def _set_aside(self) -> None:
        for file in self._open.values():
            file.written.set_aside()
        self._waiting = 0

    def _counted_back(self, file: _OpenFile) -> SpoolFile:
        with file.path.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        rows = file.written.count()
        if rows != file.rows:
            raise BugError(f"{file.path.name}: {file.rows} records written, {rows} read back")
        size = file.path.stat().st_size
        return SpoolFile(file.path, file.event, file.instance, file.index, rows, size, sha256)


@dataclass
class _OpenFile:
    path: Path
    written: RecordFile
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
