"""Records counted in the bytes of a file."""

from __future__ import annotations

import numpy as np

from evexport_dagster.compiled import bytes_at, compiled
from evexport_dagster.compiled.tokens import QUOTE

_LINE_FEED = ord("\n")


def line_ends(text: bytes, *, quoted: bool) -> tuple[int, bool]:
    """The line ends that are in no quotes, and whether quotes are open at the end of a text, given
    whether they are at its beginning."""
    data = np.frombuffer(text, np.uint8)
    return _line_ends(data.ctypes.data, len(data), quoted)


def line_feeds(text: bytes) -> int:
    """The line feeds among some bytes."""
    data = np.frombuffer(text, np.uint8)
    return _line_feeds(data.ctypes.data, len(data))


def has_nul(text: memoryview) -> bool:
    """Whether a NUL is among some bytes."""
    return not np.frombuffer(text, np.uint8).all()


@compiled
def _line_feeds(address: int, length: int) -> int:
    data, found = bytes_at(address), 0
    for place in range(length):
        found += data[place] == _LINE_FEED
    return found


@compiled
def _line_ends(address: int, length: int, quoted: bool) -> tuple[int, bool]:
    data, found = bytes_at(address), 0
    for place in range(length):
        # A doubled quote changes nothing.
        quoted ^= data[place] == QUOTE
        found += data[place] == _LINE_FEED and not quoted
    return found, quoted
