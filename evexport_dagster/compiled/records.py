"""Records put together: values of objects between constant texts, and pieces one after another."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled import bytes_at, compiled
from evexport_dagster.compiled.spans import Spans, spans_within
from evexport_dagster.compiled.tokens import RIGHT_BRACE, past_value
from evexport_dagster.compiled.values import MOST_BYTES, past_key, put_value
from evexport_dagster.compiled.words import Bytes, copy_bytes

WHOLE: Final = -1
"""The place of an object itself."""
NOTHING: Final = -2
"""No place: where a template ends."""
FILLED: Final = 0
"""The number of the text that is empty: where the filled template of a record stands."""


Filled: TypeAlias = Sequence[str | int]
"""A text with values in it: constant texts, and places of the members whose values stand there."""


@dataclass(frozen=True)
class Template:
    """Constant texts, joined, and their lengths; the place of the member whose value follows each,
    NOTHING behind the last. Both arrays hold 64 bits."""

    text: bytes
    lengths: array[int]
    places: array[int]


@dataclass(frozen=True)
class Templates:
    """Templates: their constant texts, each with the place of what follows it.

    Those of one template come together, from one of `begins` to the next. `reaches` says how many
    members of an object a template needs.
    """

    texts: Spans
    places: NDArray[np.int64]
    begins: NDArray[np.int64]
    reaches: NDArray[np.int64]

    def sizes(self, objects: Spans, chosen: NDArray[np.int64], way: int) -> NDArray[np.int64]:
        """How many bytes the templates of objects become at most, filled in a way of `values`."""
        constant = np.add.reduceat(self.texts.lengths, self.begins[:-1])
        constant += 2 * np.diff(self.begins)
        found: NDArray[np.int64] = objects.lengths * MOST_BYTES[way] + constant[chosen]
        return found


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


@dataclass(frozen=True)
class Records:
    """Records that are made of texts, and of an object's values in a template.

    `parts` has a row for each record: the numbers of its texts in order, among them FILLED where
    the template stands. `objects` has the object of each record, `chosen` its template.
    """

    texts: Spans
    parts: NDArray[np.int32]
    objects: Spans
    templates: Templates
    chosen: NDArray[np.int64]
    way: int

    def of(self, rows: NDArray[np.int64]) -> Texts:
        """Some of the records, put together."""
        most = int(self._sizes[rows].sum())
        data, offsets = np.empty(most, np.uint8), np.zeros(len(rows) + 1, np.int64)
        _put_together(
            rows,
            self.texts.addresses,
            self.texts.lengths,
            self.parts,
            self.objects.addresses,
            self.objects.lengths,
            self.templates.texts.addresses,
            self.templates.texts.lengths,
            self.templates.places,
            self.templates.begins,
            self.templates.reaches,
            self.chosen,
            self.way,
            data.ctypes.data,
            offsets,
        )
        return Texts(data, offsets)

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """How many bytes each record has at most."""
        sizes = self.templates.sizes(self.objects, self.chosen, self.way)
        for part in self.parts.T:
            sizes += self.texts.lengths[part]
        return sizes


def template(piece: Filled) -> Template:
    """A text with values in it, made ready to be one of some templates."""
    texts, places = [""], array("q")
    for part in piece:
        if isinstance(part, str):
            texts[-1] += part
        else:
            places.append(part)
            texts.append("")
    places.append(NOTHING)
    encoded = [text.encode() for text in texts]
    return Template(b"".join(encoded), array("q", map(len, encoded)), places)


def templates(pieces: Sequence[Template]) -> Templates:
    """One template or more, made ready to be filled."""
    lengths, places = (
        np.frombuffer(b"".join(its), np.int64)
        for its in ((piece.lengths for piece in pieces), (piece.places for piece in pieces))
    )
    begins = np.cumsum([0, *(len(piece.places) for piece in pieces)])
    return Templates(
        spans_within(b"".join(piece.text for piece in pieces), lengths),
        places,
        begins,
        np.maximum.reduceat(places, begins[:-1]).clip(NOTHING + 1) + 1,
    )


def assembled(pieces: Sequence[Spans], order: NDArray[np.int64]) -> Texts:
    """The pieces of each text joined, and the texts in this order."""
    addresses = np.array([piece.addresses for piece in pieces])
    lengths = np.array([piece.lengths for piece in pieces])
    offsets = np.zeros(len(order) + 1, np.int64)
    np.cumsum(lengths.sum(axis=0)[order], out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    _assemble(addresses, lengths, order, data.ctypes.data)
    return Texts(data, offsets)


@compiled
def find_members(
    data: Bytes, length: int, count: int, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> None:
    """Where the values of the first members of an object begin and end."""
    at = 1
    for member in range(count):
        if data[at] == RIGHT_BRACE:
            return
        starts[member] = past_key(data, at, length)
        ends[member] = past_value(data, starts[member], length)
        at = ends[member] + 1


@compiled
def _put_together(
    rows: NDArray[np.int64],
    addresses: NDArray[np.int64],
    lengths: NDArray[np.int64],
    parts: NDArray[np.int32],
    object_addresses: NDArray[np.int64],
    object_lengths: NDArray[np.int64],
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
    for record, row in enumerate(rows):
        for place in range(parts.shape[1]):
            part = parts[row, place]
            if part != FILLED:
                to = copy_bytes(out, to, bytes_at(addresses[part]), 0, lengths[part])
                continue
            data, piece = bytes_at(object_addresses[row]), chosen[row]
            find_members(data, object_lengths[row], reaches[piece], starts, ends)
            for step in range(begins[piece], begins[piece + 1]):
                to = copy_bytes(out, to, bytes_at(text_addresses[step]), 0, text_lengths[step])
                member = places[step]
                if member == WHOLE:
                    to = copy_bytes(out, to, data, 0, object_lengths[row])
                elif member != NOTHING:
                    to = put_value(out, to, data, starts[member], ends[member], way)
        offsets[record + 1] = to


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
