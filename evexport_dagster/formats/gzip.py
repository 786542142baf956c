"""gzip at the speed of the hardware: members of a constant size, compressed in threads.

Members carry neither time nor name. ISA-L is several times faster than zlib, but of the same data
it makes other bytes once in a thousand members or so (seen with isal 1.9 in many threads), so
files that are promised to be the same bytes again are compressed by zlib.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from isal import igzip

MEMBER_BYTES = 1 << 20
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
_AHEAD = 8


class Compressor:
    """Compresses the members of many files in threads, and appends each to its file in order.

    `stable`: the same data always gives the same bytes, at a lower speed.
    """

    def __init__(self, pool: ThreadPoolExecutor, *, stable: bool) -> None:
        self._pool = pool
        self._compressed = member_maker(stable=stable)
        self._members: deque[tuple[Path, Future[bytes]]] = deque()

    def append(self, path: Path, member: Sequence[bytes | memoryview]) -> Future[bytes]:
        """Takes what one more member of a file holds, in pieces; gives it compressed."""
        compressed = self._pool.submit(self._compressed, member)
        self._members.append((path, compressed))
        if len(self._members) > _AHEAD:
            self._write()
        return compressed

    def finish(self) -> None:
        """Writes every member that is under way."""
        while self._members:
            self._write()

    def _write(self) -> None:
        path, member = self._members.popleft()
        data = member.result()
        with path.open("ab") as file:
            file.write(data)


class Members:
    """The members of one file: whatever is written, cut at `MEMBER_BYTES`.

    What is not a whole member yet waits in memory, or on disk after `set_aside`.
    """

    def __init__(self, path: Path, compressor: Compressor) -> None:
        self._path, self._aside = path, path.with_name(f"{path.name}.rest")
        self._compressor = compressor
        # Pieces that are joined once: a buffer that grows is copied again and again.
        self._rest: list[bytes | memoryview] = []
        self._is_empty = True
        self._bytes_aside = 0
        self._size = 0
        self._under_way: deque[Future[bytes]] = deque()
        self.waiting = 0
        """The bytes that wait in memory."""

    def room(self, limit: int, wanted: int) -> int:
        """How many more uncompressed bytes the file takes for certain before it has more than a
        limit. Where that is less than what is wanted, it is told by the members themselves."""
        self._weigh(wait=False)
        at_most = self._size + len(self._under_way) * (MEMBER_BYTES + MEMBER_BYTES // 256)
        if self._left(limit - at_most) >= wanted:
            return wanted
        self._weigh(wait=True)
        return min(wanted, self._left(limit - self._size))

    def _left(self, free: int) -> int:
        return max(0, free - _growth(free) - self._bytes_aside - self.waiting)

    def _weigh(self, *, wait: bool) -> None:
        """Adds up the members that are complete, or waits for all of them."""
        while self._under_way and (wait or self._under_way[0].done()):
            self._size += len(self._under_way.popleft().result())

    def write(self, data: bytes | memoryview) -> None:
        """Takes uncompressed bytes."""
        while (missing := MEMBER_BYTES - self._bytes_aside - self.waiting) <= len(data):
            # What completes a member does not wait, and is not copied.
            self._rest.append(data[:missing])
            self._append()
            data = data[missing:]
        if data:
            self._rest.append(bytes(data))
            self.waiting += len(data)

    def set_aside(self) -> None:
        """Moves what waits in memory to the disk."""
        if not self.waiting:
            return
        with self._aside.open("ab") as file:
            file.writelines(self._rest)
        self._bytes_aside += self.waiting
        self._rest, self.waiting = [], 0

    def close(self) -> None:
        """Hands over what is left. Nothing written is one empty member."""
        if self.waiting or self._bytes_aside or self._is_empty:
            self._append()
        self._under_way.clear()

    def discard(self) -> None:
        """Removes what was set aside."""
        if self._bytes_aside:
            self._aside.unlink(missing_ok=True)

    def _append(self) -> None:
        if self._bytes_aside:
            self._rest.insert(0, self._aside.read_bytes())
            self._aside.unlink()
        self._under_way.append(self._compressor.append(self._path, self._rest))
        self._rest, self.waiting, self._bytes_aside = [], 0, 0
        self._is_empty = False
        self._weigh(wait=False)


def _growth(size: int) -> int:
    """More bytes than compression adds to so many where they cannot be compressed."""
    return max(size, 0) // 256 + 1024


def member_maker(*, stable: bool) -> Callable[[Sequence[bytes | memoryview]], bytes]:
    """What compresses the pieces of one member; `stable` as for `Compressor`."""
    return _always_the_same if stable else _fast


def _fast(member: Sequence[bytes | memoryview]) -> bytes:
    data: bytes = igzip.compress(_joined(member), compresslevel=_LEVEL, mtime=0)
    return data


def _always_the_same(member: Sequence[bytes | memoryview]) -> bytes:
    return zlib.compress(_joined(member), level=_LEVEL, wbits=_GZIP)


def _joined(pieces: Sequence[bytes | memoryview]) -> bytes | memoryview:
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_back(file: BinaryIO) -> Iterator[bytes]:
    """The uncompressed bytes of a gzip file, in pieces."""
    with igzip.open(file, "rb") as unzipped:  # type: ignore[no-untyped-call]
        while piece := unzipped.read(MEMBER_BYTES):
            yield piece
