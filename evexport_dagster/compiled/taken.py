"""Values taken out of JSON, with what they are; it is proved or made to be strict and compact."""

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
    is_null,
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
    return _taken(values, data, offsets, kinds)


def taken_apart(
    pieces: Spans, separator: str, first: int, end: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], Taken]:
    """The values of pieces that are JSON values side by side, from one place to before another.

    An empty place has no value. Those of a piece lie between two offsets, which come first; then
    at how many places behind the first each stands.
    """
    most = len(pieces) * (end - first)
    data = np.empty(int(pieces.lengths.sum()), np.uint8)
    offsets, kinds = np.zeros(most + 1, np.int32), np.empty(most, np.uint8)
    of_pieces, places = np.zeros(len(pieces) + 1, np.int32), np.empty(most, np.int32)
    count = _take_apart(
        pieces.addresses,
        pieces.lengths,
        ord(separator),
        first,
        end,
        data.ctypes.data,
        of_pieces,
        places,
        offsets,
        kinds,
    )
    return of_pieces, places[:count], _taken(count, data, offsets, kinds)


def elements_of(lists: Spans) -> tuple[NDArray[np.int32], Taken]:
    """The elements of JSON lists, less nulls: those of each lie between two offsets."""
    # An element and what follows it are two bytes at least.
    most = int((lists.lengths // 2).sum())
    data = np.empty(int(lists.lengths.sum()), np.uint8)
    offsets, kinds = np.zeros(most + 1, np.int32), np.empty(most, np.uint8)
    of_lists = np.zeros(len(lists) + 1, np.int32)
    count = _take_elements(
        lists.addresses, lists.lengths, data.ctypes.data, of_lists, offsets, kinds
    )
    return of_lists, _taken(count, data, offsets, kinds)


def _taken(
    count: int, data: NDArray[np.uint8], offsets: NDArray[np.int32], kinds: NDArray[np.uint8]
) -> Taken:
    """The first of some values, which stand in the data one after the other."""
    buffers = [pa.py_buffer(it) for it in (offsets[: count + 1], data[: offsets[count]])]
    return Taken(pa.StringArray.from_buffers(count, *buffers), numbers(kinds[:count]))


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


@compiled
def _take_apart(
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    separator: int,
    first: int,
    end: int,
    out_address: int,
    of_pieces: NDArray[np.int32],
    places: NDArray[np.int32],
    offsets: NDArray[np.int32],
    kinds: NDArray[np.uint8],
) -> int:
    out, to, value = bytes_at(out_address), 0, 0
    for piece in range(len(addresses)):
        data, at = bytes_at(addresses[piece]), 0
        for place in range(end):
            begin = at
            while at < lengths[piece] and data[at] != separator:
                at += 1
            if place >= first and at > begin:
                kinds[value] = _kind_of(data, begin, at)
                to = put_value(out, to, data, begin, at, AS_TEXT)
                places[value] = place - first
                value += 1
                offsets[value] = to
            at += 1
        of_pieces[piece + 1] = value
    return value


@compiled
def _take_elements(
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    out_address: int,
    of_lists: NDArray[np.int32],
    offsets: NDArray[np.int32],
    kinds: NDArray[np.uint8],
) -> int:
    out, to, value = bytes_at(out_address), 0, 0
    for place in range(len(addresses)):
        data, end, at = bytes_at(addresses[place]), lengths[place], 1
        while at < end - 1:
            begin, at = at, past_value(data, at, end)
            if not is_null(data, begin, end):
                kinds[value] = _kind_of(data, begin, at)
                to = put_value(out, to, data, begin, at, AS_TEXT)
                value += 1
                offsets[value] = to
            at += 1
        of_lists[place + 1] = value
    return value
