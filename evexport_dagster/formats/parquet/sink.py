"""A file that Parquet is written to: checksummed on the way, and gzipped where that is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from evexport_dagster.formats.gzip import MEMBER_BYTES


class Sink:
    """A new file as `pyarrow` asks for one: it knows the checksum of its bytes, and is compressed
    by members where there is a maker of these."""

    def __init__(self, path: Path, member: Callable[[Sequence[bytes]], bytes] | None) -> None:
        self._file, self._member = path.open("wb"), member
        self._hash = hashlib.sha256()
        self._rest = bytearray()
        self._taken = self._size = 0
        self.closed = False

    @property
    def is_gzipped(self) -> bool:
        """Whether what is written becomes members of gzip."""
        return self._member is not None

    @property
    def size(self) -> int:
        """The bytes of the file, as far as they are known."""
        return self._size + len(self._rest)

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
        self._size += len(data)
