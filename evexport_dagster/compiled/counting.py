"""Records counted in the bytes of a file."""

from __future__ import annotations

import numpy as np

from evexport_dagster.compiled import bytes_at, compiled, word_at
from evexport_dagster.compiled.tokens import QUOTE
from evexport_dagster.compiled.words import WORD, marked

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
    data, found, place = bytes_at(address), 0, 0
    while place < length:
        if place + WORD <= length:
            word = word_at(data, place)
            if not (marked(word, QUOTE) | marked(word, _LINE_FEED)):
                place += WORD
                continue
        # A doubled quote changes nothing.
        quoted ^= data[place] == QUOTE
        found += data[place] == _LINE_FEED and not quoted
        place += 1
    return found, quoted
