"""The keys of JSON objects as numbers, whatever their spelling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evexport_dagster.compiled import compiled
from evexport_dagster.compiled.tokens import BACKSLASH, MEANT, UNICODE, WRONG, point_at
from evexport_dagster.compiled.words import Bytes

_START, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_BEYOND = 0x10000
_FURTHER, _FURTHER_BITS, _FURTHER_MASK = 0x80, 6, 0x3F
_FIRST_BYTE = np.array([0, 0xC0, 0xE0, 0xF0], np.int64)
"""What the first byte of a character in UTF-8 is marked with, by the number of further ones."""


@compiled
def _with_byte(found: np.uint64, byte: int) -> np.uint64:
    return (found ^ np.uint64(byte)) * _PRIME


@compiled
def _with_character(found: np.uint64, point: int) -> np.uint64:
    further = (point >= _FURTHER) + (point >= 0x800) + (point >= _BEYOND)
    found = _with_byte(found, _FIRST_BYTE[further] | point >> _FURTHER_BITS * further)
    for left in range(further - 1, -1, -1):
        found = _with_byte(found, _FURTHER | point >> _FURTHER_BITS * left & _FURTHER_MASK)
    return found


@compiled
def hash_as_read(data: Bytes, at: int, end: int) -> np.uint64:
    """A hash of a text that is proved to be one, the same for each spelling of it."""
    found = _START
    while at < end:
        if data[at] != BACKSLASH:
            found = _with_byte(found, data[at])
            at += 1
        elif data[at + 1] != UNICODE:
            found = _with_byte(found, MEANT[data[at + 1]])
            at += 2
        else:
            point, at = point_at(data, at + 2)
            found = _with_character(found, point)
    return found


@compiled
def add_key(keys: NDArray[np.uint64], first: int, count: int, key: np.uint64) -> int:
    """How many keys there are with one more; WRONG where it is one of those from the first on, or
    there are too many."""
    for place in range(first, count):
        if keys[place] == key:
            return WRONG
    if count == len(keys):
        return WRONG
    keys[count] = key
    return count + 1
