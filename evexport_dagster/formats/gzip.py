"""gzip at the speed of the hardware: members of a constant size, compressed in threads.

Members carry neither time nor name. ISA-L is several times faster than zlib, but of the same data
it makes other bytes once in a thousand members or so (seen with isal 1.9 in many threads), so
files that are promised to be the same bytes again are compressed by zlib.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from isal import igzip

MEMBER_BYTES = 1 << 20
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
_AHEAD = 8


class GzipWriter:
    """Writes a gzip file of members of `MEMBER_BYTES` before compression; bounded in memory.

    `stable`: the same data always gives the same bytes, at a lower speed.
    """

    def __init__(self, file: BinaryIO, pool: ThreadPoolExecutor, *, stable: bool) -> None:
        self._file, self._pool = file, pool
        self._compressed = _always_the_same if stable else _fast
        self._rest = bytearray()
        self._members: deque[Future[bytes]] = deque()
        self._empty = True

    def write(self, data: bytes | memoryview) -> None:
        """Takes uncompressed bytes."""
        view = memoryview(data)
        if self._rest:
            missing = MEMBER_BYTES - len(self._rest)
            self._rest += view[:missing]
            view = view[missing:]
            if len(self._rest) < MEMBER_BYTES:
                return
            self._submit(bytes(self._rest))
            self._rest.clear()
        while len(view) >= MEMBER_BYTES:
            self._submit(bytes(view[:MEMBER_BYTES]))
            view = view[MEMBER_BYTES:]
        self._rest += view

    def close(self) -> None:
        """Writes what is left; the file itself stays open. Nothing written is one empty member."""
        if self._rest or self._empty:
            self._submit(bytes(self._rest))
        while self._members:
            self._file.write(self._members.popleft().result())

    def _submit(self, member: bytes) -> None:
        self._empty = False
        self._members.append(self._pool.submit(self._compressed, member))
        if len(self._members) > _AHEAD:
            self._file.write(self._members.popleft().result())


def _fast(member: bytes) -> bytes:
    data: bytes = igzip.compress(member, compresslevel=_LEVEL, mtime=0)
    return data


def _always_the_same(member: bytes) -> bytes:
    return zlib.compress(member, level=_LEVEL, wbits=_GZIP)


def read_back(file: BinaryIO) -> Iterator[bytes]:
    """The uncompressed bytes of a gzip file, in pieces."""
    with igzip.open(file, "rb") as unzipped:  # type: ignore[no-untyped-call]
        while piece := unzipped.read(MEMBER_BYTES):
            yield piece
