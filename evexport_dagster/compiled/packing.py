"""Numbers and texts as the levels and values of a Parquet page are encoded.

The encodings are those of https://parquet.apache.org/docs/file-format/data-pages/encodings/.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evexport_dagster.compiled import bytes_at, compiled, put_bits
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.compiled.words import Bytes, copy_bytes

_LENGTH_BYTES = 4
_AT_ONCE = 8
"""Numbers are packed so many at once: they take as many bytes as each of them has bits."""

_HALF = 32
_LOW_HALF = np.uint64(0xFFFFFFFF)

_REPEATED = 16
"""A number is written once that stands in a row so often, or more often."""


def packed(numbers: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """Numbers of so many bits, 1 to 32, in the hybrid of runs and packed bits."""
    out = np.empty(len(numbers) * (width + _AT_ONCE) // _AT_ONCE + 64, np.uint8)
    return out[: _pack(numbers, width, out.ctypes.data)]


def with_lengths(texts: Spans) -> NDArray[np.uint8]:
    """Texts one after the other, each behind its length in four bytes."""
    out = np.empty(int(texts.lengths.sum()) + len(texts) * _LENGTH_BYTES, np.uint8)
    _put_with_lengths(texts.addresses, texts.lengths, out.ctypes.data)
    return out


@compiled
def raise_levels(
    levels: NDArray[np.uint8], slots: NDArray[np.int64], which: NDArray[np.bool_]
) -> None:
    """Adds one to the levels of some slots, of those that are chosen."""
    for place in range(len(slots)):
        levels[slots[place]] += which[place]


@compiled
def _put_with_lengths(
    addresses: NDArray[np.int64], lengths: NDArray[np.int64], out_address: int
) -> None:
    out, to = bytes_at(out_address), 0
    for text in range(len(lengths)):
        put_bits(out, to, np.uint32(lengths[text]))
        to = copy_bytes(out, to + _LENGTH_BYTES, bytes_at(addresses[text]), 0, lengths[text])


@compiled
def _put_number(out: Bytes, to: int, number: int) -> int:
    """Seven bits in each byte; the highest says that there are more."""
    while number > 127:
        out[to] = number & 127 | 128
        number >>= 7
        to += 1
    out[to] = number
    return to + 1


@compiled
def _put_packed(
    out: Bytes, to: int, numbers: NDArray[Any], begin: int, end: int, width: int
) -> int:
    groups = (end - begin + _AT_ONCE - 1) // _AT_ONCE
    to = _put_number(out, to, groups << 1 | 1)
    for first in range(begin, begin + groups * _AT_ONCE, _AT_ONCE):
        bits, count, at = np.uint64(0), 0, to
        for place in range(first, first + _AT_ONCE):
            if place < end:
                bits |= np.uint64(numbers[place]) << np.uint64(count)
            count += width
            if count >= _HALF:
                put_bits(out, at, np.uint32(bits & _LOW_HALF))
                bits >>= np.uint64(_HALF)
                count -= _HALF
                at += _HALF // 8
        # More than these numbers take: what follows is written over it.
        put_bits(out, at, bits)
        to += width
    return to


@compiled
def _pack(numbers: NDArray[Any], width: int, out_address: int) -> int:
    out, to, begin, at = bytes_at(out_address), 0, 0, 0
    while at < len(numbers):
        end = at + 1
        while end < len(numbers) and numbers[end] == numbers[at]:
            end += 1
        if end - at < _REPEATED:
            at += _AT_ONCE
            continue
        if at > begin:
            to = _put_packed(out, to, numbers, begin, at, width)
        to = _put_number(out, to, (end - at) << 1)
        for byte in range((width + 7) // 8):
            out[to] = numbers[at] >> (8 * byte) & 255
            to += 1
        begin = at = end
    if begin < len(numbers):
        to = _put_packed(out, to, numbers, begin, len(numbers), width)
    return to
