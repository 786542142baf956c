"""Values taken out of JSON objects, with what they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled import bytes_at, compiled
from evexport_dagster.compiled.numbers import numbers
from evexport_dagster.compiled.records import Templates, find_members
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.compiled.tokens import (
    LEFT_BRACE,
    LEFT_BRACKET,
    QUOTE,
    is_short,
    past_value,
)
from evexport_dagster.compiled.values import AS_TEXT, past_key, put_value
from evexport_dagster.compiled.words import Bytes


class Kind(IntEnum):
    """What a value is. A number that 64 bits may not hold is LONG; FLOAT is a decimal that its
    source holds in 32 bits. From VARCHAR on a value is text."""

    BOOLEAN = 0
    BIGINT = 1
    UBIGINT = 2
    FLOAT = 3
    DOUBLE = 4
    LONG = 5
    VARCHAR = 6
    ARRAY = 7
    OBJECT = 8


@dataclass(frozen=True)
class Taken:
    """The texts and the kinds of values, one object's after the other's."""

    texts: pa.StringArray
    kinds: pa.UInt8Array


def taken(objects: Spans, kept: Templates, chosen: NDArray[np.int64]) -> Taken:
    """The values that stand in the template of each object, as texts of at most 2 GiB in all."""
    # The last step of a template has no value.
    values = int((np.diff(kept.begins) - 1)[chosen].sum())
    data = np.empty(int(objects.lengths.sum()), np.uint8)
    offsets, kinds = np.zeros(values + 1, np.int32), np.empty(values, np.uint8)
    _take(
        objects.addresses,
        objects.lengths,
        kept.places,
        kept.begins,
        kept.reaches,
        chosen,
        data.ctypes.data,
        offsets,
        kinds,
    )
    buffers = [pa.py_buffer(it) for it in (offsets, data[: offsets[-1]])]
    return Taken(pa.StringArray.from_buffers(values, *buffers), numbers(kinds))


def around(objects: Spans, places: NDArray[np.int64]) -> tuple[Spans, Spans]:
    """What stands in each object before and after the value of one of its members."""
    starts, ends = _values_at(objects.addresses, objects.lengths, places)
    return (
        Spans(objects.addresses, starts, objects.owners),
        Spans(objects.addresses + ends, objects.lengths - ends, objects.owners),
    )


@compiled
def _values_at(
    addresses: NDArray[np.int64], lengths: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts, ends = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    for row in range(len(places)):
        data, at = bytes_at(addresses[row]), 0
        for _ in range(places[row] + 1):
            starts[row] = past_key(data, at + 1, lengths[row])
            at = past_value(data, starts[row], lengths[row])
        ends[row] = at
    return starts, ends


@compiled
def _kind_of(data: Bytes, at: int, end: int) -> int:
    byte = data[at]
    if byte == QUOTE:
        return Kind.VARCHAR
    if byte in (ord("t"), ord("f")):
        return Kind.BOOLEAN
    if byte in (LEFT_BRACKET, LEFT_BRACE):
        return Kind.ARRAY if byte == LEFT_BRACKET else Kind.OBJECT
    if not is_short(data, at, end):
        return Kind.LONG
    for place in range(at, end):
        if data[place] in (ord("."), ord("e"), ord("E")):
            return Kind.DOUBLE
    return Kind.BIGINT if byte == ord("-") else Kind.UBIGINT


@compiled
def _take(
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    begins: NDArray[np.int64],
    reaches: NDArray[np.int64],
    chosen: NDArray[np.int64],
    out_address: int,
    offsets: NDArray[np.int32],
    kinds: NDArray[np.uint8],
) -> None:
    out, to, value = bytes_at(out_address), 0, 0
    most = reaches.max()
    starts, ends = np.zeros(most, np.int64), np.zeros(most, np.int64)
    for row in range(len(chosen)):
        data, template = bytes_at(addresses[row]), chosen[row]
        find_members(data, lengths[row], reaches[template], starts, ends)
        for step in range(begins[template], begins[template + 1] - 1):
            at, end = starts[places[step]], ends[places[step]]
            kinds[value] = _kind_of(data, at, end)
            to = put_value(out, to, data, at, end, AS_TEXT)
            value += 1
            offsets[value] = to
