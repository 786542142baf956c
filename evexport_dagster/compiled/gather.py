"""Texts that lie anywhere, written one behind the other as an Arrow array."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled import bytes_at, compiled
from evexport_dagster.compiled.objects import WITH_NULLS
from evexport_dagster.compiled.records import Texts, assembled
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.compiled.tokens import (
    COMMA,
    LEFT_BRACE,
    RIGHT_BRACE,
    past_string,
    past_value,
)
from evexport_dagster.compiled.words import Bytes, copy_bytes

_NULL = ord("n")


def gathered(texts: Spans) -> pa.LargeStringArray:
    """The texts, copied."""
    return assembled([texts], np.arange(len(texts))).array


def without_nulls(texts: Spans, states: NDArray[np.uint8]) -> Spans:
    """The texts, those `WITH_NULLS` less their null members."""
    rows = np.flatnonzero(states == WITH_NULLS)
    if not len(rows):
        return texts
    before = texts.take(rows)
    made, offsets = np.empty(before.lengths.sum(), np.uint8), np.zeros(len(rows) + 1, np.int64)
    _write(before.addresses, before.lengths, made.ctypes.data, offsets)
    return texts.replaced(rows, Texts(made, offsets).spans)


@compiled
def _cut(data: Bytes, count: int, made: Bytes, to: int) -> int:
    """Behind the members of an object, but null ones, where they are written."""
    at, begin = 0, to
    while data[at] != RIGHT_BRACE:
        value = past_string(data, at + 2, count) + 1
        end = past_value(data, value, count)
        if data[value] != _NULL:
            made[to] = COMMA
            to = copy_bytes(made, to + 1, data, at + 1, end - at - 1)
        at = end
    made[begin] = LEFT_BRACE
    to += to == begin
    made[to] = RIGHT_BRACE
    return to + 1


@compiled
def _write(
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    address: int,
    offsets: NDArray[np.int64],
) -> None:
    """Write the texts, less their null members, to an address, and where each ends."""
    made, to = bytes_at(address), 0
    for text in range(len(addresses)):
        to = _cut(bytes_at(addresses[text]), lengths[text], made, to)
        offsets[text + 1] = to
