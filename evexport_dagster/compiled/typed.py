"""What columns with types keep values as: integers by their sizes."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from evexport_dagster.compiled import bytes_at, compiled
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.compiled.taken import Kind
from evexport_dagster.compiled.words import Bytes


class Type(IntEnum):
    """What a value is kept as."""

    BOOLEAN = 0
    INT32 = 1
    INT64 = 2
    FLOAT = 3
    DOUBLE = 4
    TEXT = 5
    LIST = 6
    MAP = 7


_MOST_DIGITS = 19
_ZERO, _MINUS = ord("0"), ord("-")
_BEYOND_64, _BEYOND_32 = np.uint64(1 << 63), 1 << 31
_OTHERS = np.full(max(Kind) + 1, Type.TEXT, np.uint8)
"""The type of each kind that is no integer."""
for _kind, _its in (
    (Kind.BOOLEAN, Type.BOOLEAN),
    (Kind.FLOAT, Type.FLOAT),
    (Kind.DOUBLE, Type.DOUBLE),
    (Kind.ARRAY, Type.LIST),
    (Kind.OBJECT, Type.MAP),
):
    _OTHERS[_kind] = _its


def typed(texts: Spans, kinds: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The type of each value, and its number where it is an integer. One that 64 bits do not hold
    is a text."""
    types, integers = np.empty(len(kinds), np.uint8), np.empty(len(kinds), np.int64)
    _find_types(texts.addresses, texts.lengths, kinds, types, integers)
    return types, integers


@compiled
def _number(digits: Bytes, begin: int, end: int) -> np.uint64:
    """A number of 19 digits at most."""
    number = np.uint64(0)
    for place in range(begin, end):
        number = number * np.uint64(10) + np.uint64(digits[place] - _ZERO)
    return number


@compiled
def _find_types(
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    types: NDArray[np.uint8],
    integers: NDArray[np.int64],
) -> None:
    for value in range(len(kinds)):
        if kinds[value] not in (Kind.BIGINT, Kind.UBIGINT):
            types[value] = _OTHERS[kinds[value]]
            continue
        data, length = bytes_at(addresses[value]), lengths[value]
        is_negative = data[0] == _MINUS
        if length > _MOST_DIGITS + is_negative:
            types[value] = Type.TEXT
            continue
        number = _number(data, is_negative, length)
        if number >= _BEYOND_64 + np.uint64(is_negative):
            types[value] = Type.TEXT
            continue
        integer = -np.int64(number) if is_negative else np.int64(number)
        integers[value] = integer
        types[value] = Type.INT32 if -_BEYOND_32 <= integer < _BEYOND_32 else Type.INT64
