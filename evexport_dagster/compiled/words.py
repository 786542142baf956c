"""Bytes eight at a time: copied, searched and hashed. The machine is little-endian."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from evexport_dagster.compiled import (
    compiled,
    half_at,
    move_bytes,
    put_bits,
    trailing_zeros,
    word_at,
)

Bytes = NDArray[np.uint8]

WORD: Final = 8
_HALF = 4
_MOST_IN_REGISTERS = 16
_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_PRIME, _FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@compiled
def copy_bytes(out: Bytes, to: int, data: Bytes, at: int, count: int) -> int:
    """Copies bytes; returns where they end in `out`. A call for each few bytes would cost more
    than these."""
    end = to + count
    if count > _MOST_IN_REGISTERS:
        move_bytes(out, to, data, at, count)
    elif count >= WORD:
        first, last = word_at(data, at), word_at(data, at + count - WORD)
        put_bits(out, to, first)
        put_bits(out, end - WORD, last)
    elif count >= _HALF:
        front, back = half_at(data, at), half_at(data, at + count - _HALF)
        put_bits(out, to, front)
        put_bits(out, end - _HALF, back)
    elif count:
        out[to + count // 2] = data[at + count // 2]
        out[to], out[end - 1] = data[at], data[at + count - 1]
    return end


@compiled
def _with_zeros(word: np.uint64) -> np.uint64:
    """Marks the highest bit of each byte that is zero, and perhaps of some above one."""
    return (word - _ONES) & ~word & _HIGHS


@compiled
def marked(word: np.uint64, byte: int) -> np.uint64:
    """Marks the bytes of a word that are this one; the lowest mark is right."""
    return _with_zeros(word ^ (_ONES * np.uint64(byte)))


@compiled
def marked_below(word: np.uint64, byte: int) -> np.uint64:
    """Marks the bytes of a word that are less than one that is at most 128; the lowest mark is
    right."""
    return (word - _ONES * np.uint64(byte)) & ~word & _HIGHS


@compiled
def first_marked(marks: np.uint64) -> int:
    """Which byte of a word has the lowest mark; there is one."""
    return trailing_zeros(marks) >> 3


@compiled
def _mixed(found: np.uint64, word: np.uint64) -> np.uint64:
    found = (found ^ word) * _PRIME
    return found ^ (found >> _FOLD)


@compiled
def hash_of(data: Bytes, at: int, end: int, seed: np.uint64) -> np.uint64:
    """A hash of bytes, behind others whose hash is the seed."""
    count = end - at
    found = seed ^ np.uint64(count)
    if count >= WORD:
        while at + WORD < end:
            found = _mixed(found, word_at(data, at))
            at += WORD
        return _mixed(found, word_at(data, end - WORD))
    if count >= _HALF:
        front, back = np.uint64(half_at(data, at)), np.uint64(half_at(data, end - _HALF))
        return _mixed(found, front << np.uint64(32) | back)
    rest = np.uint64(0)
    for place in range(at, end):
        rest = rest << np.uint64(8) | np.uint64(data[place])
    return _mixed(found, rest)
