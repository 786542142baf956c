"""Records put together: values of objects between constant texts, and pieces one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled import bytes_at, compiled, copy_bytes
from evexport_dagster.compiled.spans import Spans, spans_of
from evexport_dagster.compiled.tokens import RIGHT_BRACE, Bytes, past_value
from evexport_dagster.compiled.values import MOST_BYTES, past_key, put_value

WHOLE: Final = -1
"""The place of an object itself."""
NOTHING: Final = -2
"""No place: where a template ends."""


Filled: TypeAlias = Sequence[str | int]
"""A text with values in it: constant texts, and places of the members whose values stand there."""


@dataclass(frozen=True)
class Templates:
    """Constant texts, each with the place of the member whose value follows it.

    Those of one template come together, from one of `begins` to the next; the place of its last is
    NOTHING. `reaches` says how many members of an object a template needs.
    """

    texts: Spans
    places: NDArray[np.int64]
    begins: NDArray[np.int64]
    reaches: NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """Texts that lie one after the other: their bytes, and where each begins and the last ends."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @property
    def spans(self) -> Spans:
        """Where they lie."""
        return Spans(self.offsets[:-1] + self.data.ctypes.data, np.diff(self.offsets), (self.data,))

    @property
    def array(self) -> pa.Array:
        """They as an array of large strings."""
        offsets, data = pa.py_buffer(self.offsets), pa.py_buffer(self.data)
        return pa.LargeStringArray.from_buffers(len(self.offsets) - 1, offsets, data)


def templates(pieces: Sequence[Filled]) -> Templates:
    """Templates, made ready to be filled."""
    steps = [_steps(piece) for piece in pieces]
    places = [place for of_piece in steps for _, place in of_piece]
    return Templates(
        spans_of([text for of_piece in steps for text, _ in of_piece]),
        np.array(places, np.int64),
        np.array([0, *accumulate(map(len, steps))], np.int64),
        np.array([max(place for _, place in of_piece) + 1 for of_piece in steps], np.int64).clip(0),
    )


def _steps(piece: Filled) -> list[tuple[str, int]]:
    steps, text = [], ""
    for part in piece:
        if isinstance(part, str):
            text += part
        else:
            steps.append((text, part))
            text = ""
    return [*steps, (text, NOTHING)]


def filled(objects: Spans, kept: Templates, chosen: NDArray[np.int64], way: int) -> Texts:
    """The template of each object with the object's values in it, written in a way of `values`."""
    constant = np.add.reduceat(kept.texts.lengths, kept.begins[:-1])
    values = np.diff(kept.begins)
    most = objects.lengths * MOST_BYTES[way] + constant[chosen] + 2 * values[chosen]
    data, offsets = np.empty(int(most.sum()), np.uint8), np.zeros(len(chosen) + 1, np.int64)
    _fill(
        objects.addresses,
        objects.lengths,
        kept.texts.addresses,
        kept.texts.lengths,
        kept.places,
        kept.begins,
        kept.reaches,
        chosen,
        way,
        data.ctypes.data,
        offsets,
    )
    return Texts(data, offsets)


def assembled(pieces: Sequence[Spans], order: NDArray[np.int64]) -> Texts:
    """The pieces of each record joined, and the records in this order."""
    addresses = np.array([piece.addresses for piece in pieces])
    lengths = np.array([piece.lengths for piece in pieces])
    offsets = np.zeros(len(order) + 1, np.int64)
    np.cumsum(lengths.sum(axis=0)[order], out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    _assemble(addresses, lengths, order, data.ctypes.data)
    return Texts(data, offsets)


@compiled
def find_members(
    data: Bytes, count: int, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> None:
    """Where the values of the first members of an object begin and end."""
    at = 1
    for member in range(count):
        if data[at] == RIGHT_BRACE:
            return
        starts[member] = past_key(data, at)
        ends[member] = past_value(data, starts[member])
        at = ends[member] + 1


@compiled
def _fill(
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    text_addresses: NDArray[np.int64],
    text_lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    begins: NDArray[np.int64],
    reaches: NDArray[np.int64],
    chosen: NDArray[np.int64],
    way: int,
    out_address: int,
    offsets: NDArray[np.int64],
) -> None:
    out, to = bytes_at(out_address), 0
    most = reaches.max()
    starts, ends = np.zeros(most, np.int64), np.zeros(most, np.int64)
    for row in range(len(chosen)):
        data, template = bytes_at(addresses[row]), chosen[row]
        find_members(data, reaches[template], starts, ends)
        for step in range(begins[template], begins[template + 1]):
            to = copy_bytes(out, to, bytes_at(text_addresses[step]), 0, text_lengths[step])
            place = places[step]
            if place == WHOLE:
                to = copy_bytes(out, to, data, 0, lengths[row])
            elif place != NOTHING:
                to = put_value(out, to, data, starts[place], ends[place], way)
        offsets[row + 1] = to


@compiled
def _assemble(
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    order: NDArray[np.int64],
    out_address: int,
) -> None:
    out, to = bytes_at(out_address), 0
    for row in order:
        for piece in range(len(addresses)):
            data = bytes_at(addresses[piece, row])
            to = copy_bytes(out, to, data, 0, lengths[piece, row])
