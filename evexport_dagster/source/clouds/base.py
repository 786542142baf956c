"""What is asked of a bucket that holds a lake: which files there are, and bytes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from evexport_dagster.stores.causes import Cause


@dataclass(frozen=True)
class RemoteFile:
    """One version of an object: its key, its size in bytes, and what tells it from others."""

    key: str
    size: int
    version: str


CHANGED: Final = Cause("the object was replaced or removed since it was listed")
PAGE: Final = 1000
"""The files that one request lists."""


class Bucket(Protocol):
    """A bucket or container, to be shared by threads. Its methods raise what its SDK raises."""

    needs: str
    """The permissions that reading takes."""

    def files(self, prefix: str) -> Iterator[RemoteFile]:
        """Every object whose key begins with `prefix`."""

    def read(self, file: RemoteFile, start: int, size: int) -> bytes:
        """`size` bytes of that very version, from `start` on."""

    def cause_of(self, error: Exception) -> Cause | None:
        """What an error of the SDK means; None for one that is not its own."""
