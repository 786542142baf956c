"""Where the texts of Arrow arrays lie in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import integers_of


@dataclass(frozen=True)
class Spans:
    """Texts: the address and the length in bytes of each, and what owns these bytes."""

    addresses: NDArray[np.int64]
    lengths: NDArray[np.int64]
    owners: tuple[object, ...]

    def __len__(self) -> int:
        return len(self.addresses)

    def take(self, places: NDArray[np.integer[Any]]) -> Spans:
        """The texts at these places."""
        return Spans(self.addresses[places], self.lengths[places], self.owners)

    def replaced(self, places: NDArray[np.int64], texts: Spans) -> Spans:
        """The same, with other texts at these places."""
        addresses, lengths = self.addresses.copy(), self.lengths.copy()
        addresses[places], lengths[places] = texts.addresses, texts.lengths
        return Spans(addresses, lengths, self.owners + texts.owners)


def joined(parts: Iterable[Spans]) -> Spans:
    """The texts of all parts."""
    every = [Spans(np.zeros(0, np.int64), np.zeros(0, np.int64), ()), *parts]
    return Spans(
        np.concatenate([it.addresses for it in every]),
        np.concatenate([it.lengths for it in every]),
        tuple(owner for it in every for owner in it.owners),
    )


def spans(texts: pa.Array | pa.ChunkedArray) -> Spans:
    """The texts of an array of strings, large or not; NULL is an empty text."""
    if isinstance(texts, pa.ChunkedArray):
        return joined(map(spans, texts.chunks))
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, ends, data = texts.buffers()
    places = np.frombuffer(ends, width)[texts.offset : texts.offset + len(texts) + 1]
    offsets = places.astype(np.int64)
    addresses, lengths = offsets[:-1] + (data.address if data else 0), np.diff(offsets)
    if texts.null_count:
        lengths[integers_of(texts.is_null().cast(pa.uint8())).astype(np.bool_)] = 0
    return Spans(addresses, lengths, (texts,))


def spans_of(texts: Sequence[str]) -> Spans:
    """Some texts in UTF-8."""
    encoded = [text.encode() for text in texts]
    return spans_within(b"".join(encoded), np.array([*map(len, encoded)], np.int64))


def spans_within(data: bytes, lengths: NDArray[np.int64]) -> Spans:
    """Texts that lie one after the other."""
    held = np.frombuffer(data or b"\0", np.uint8)
    return Spans(held.ctypes.data + np.cumsum(lengths) - lengths, lengths, (held,))
