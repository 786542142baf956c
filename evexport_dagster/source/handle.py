"""A file as DuckDB reads it through Python, whatever holds its bytes."""

from __future__ import annotations

import os
from threading import get_ident
from typing import Protocol

Patches = tuple[tuple[int, int], ...]
"""(offset, byte) of the bytes of a file that are shown as others."""


class Readable(Protocol):
    """Bytes at an offset."""

    size: int

    def read_at(self, start: int, size: int) -> bytes:
        """At most `size` bytes, less only at the end."""

    def close(self) -> None:
        """Let go of the file."""


class Handle:
    """A file to seek and to read, some of its bytes shown as others.

    DuckDB reads one handle from several threads, each with a `seek` and then a `read`, so every
    thread has a position of its own.
    """

    def __init__(self, file: Readable, patches: Patches = ()) -> None:
        self._file, self._patches = file, patches
        self._at: dict[int, int] = {}

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move this thread's position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._file.size}[whence]
        self._at[get_ident()] = base + offset
        return base + offset

    def tell(self) -> int:
        """This thread's position."""
        return self._at.get(get_ident(), 0)

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, less only at the end."""
        start = self.tell()
        left = max(self._file.size - start, 0)
        data = self._file.read_at(start, left if size < 0 else min(size, left))
        self._at[get_ident()] = start + len(data)
        return _patched(data, start, self._patches)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _patched(data: bytes, start: int, patches: Patches) -> bytes:
    within = [(at - start, byte) for at, byte in patches if start <= at < start + len(data)]
    if not within:
        return data
    shown = bytearray(data)
    for at, byte in within:
        shown[at] = byte
    return bytes(shown)
