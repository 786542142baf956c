"""Structures in Thrift's compact protocol, as far as Parquet's metadata needs it.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_I16, _I32, _I64, _BINARY, _LIST, _STRUCTURE = 4, 5, 6, 8, 9, 12
_SHORT_LIST = 15
_SHORT_STEP = 16


@dataclass(frozen=True)
class Thrift:
    """A value: the number of its type, and its bytes."""

    type: int
    data: bytes


def i16(value: int) -> Thrift:
    """An integer of 16 bits."""
    return Thrift(_I16, _zigzag(value))


@lru_cache(4096)
def i32(value: int) -> Thrift:
    """An integer of 32 bits."""
    return Thrift(_I32, _zigzag(value))


def i64(value: int) -> Thrift:
    """An integer of 64 bits."""
    return Thrift(_I64, _zigzag(value))


@lru_cache(4096)
def text(value: str) -> Thrift:
    """A text."""
    encoded = value.encode()
    return Thrift(_BINARY, _unsigned(len(encoded)) + encoded)


def listed(values: Sequence[Thrift]) -> Thrift:
    """A list of values of one type, one at least."""
    kind, count = values[0].type, len(values)
    short = count < _SHORT_LIST
    head = bytes([count << 4 | kind]) if short else bytes([0xF0 | kind]) + _unsigned(count)
    return Thrift(_LIST, head + b"".join(value.data for value in values))


def structure(fields: Mapping[int, Thrift]) -> Thrift:
    """A structure of fields by their numbers, which rise."""
    data, before = bytearray(), 0
    for number, value in fields.items():
        step = number - before
        if not 0 < step < _SHORT_STEP:
            raise ValueError(f"field {number} after field {before}")
        data.append(step << 4 | value.type)
        data += value.data
        before = number
    return Thrift(_STRUCTURE, bytes(data) + b"\0")


def _zigzag(value: int) -> bytes:
    return _unsigned(value << 1 if value >= 0 else ~value << 1 | 1)


def _unsigned(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)
