"""Where the texts of Arrow arrays lie in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_INLINE = 12
"""The longest text that an Arrow view of it holds itself."""
_VIEW = np.dtype([("length", "<i4"), ("begins", "<i4"), ("buffer", "<i4"), ("offset", "<i4")])


class Spans(NamedTuple):
    """Texts: the address and the length in bytes of each. Their arrays have to be kept."""

    addresses: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def take(self, places: NDArray[np.integer]) -> Spans:
        """The texts at these places."""
        return Spans(self.addresses[places], self.lengths[places])


def spans(texts: pa.Array) -> Spans:
    """The texts of an array of strings, or of views of them; NULL is an empty text."""
    found = _of_views(texts) if pa.types.is_string_view(texts.type) else _of_offsets(texts)
    if texts.null_count:
        found.lengths[texts.is_null().to_numpy(zero_copy_only=False)] = 0
    return found


def _of_offsets(texts: pa.Array) -> Spans:
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, ends, data = texts.buffers()
    all_offsets = np.frombuffer(ends, width)[texts.offset : texts.offset + len(texts) + 1]
    offsets = all_offsets.astype(np.int64)
    return Spans(offsets[:-1] + (data.address if data else 0), np.diff(offsets))


def _of_views(texts: pa.Array) -> Spans:
    _, held, *data = texts.buffers()
    views = np.frombuffer(held, _VIEW)[texts.offset : texts.offset + len(texts)]
    lengths = views["length"].astype(np.int64)
    inline = held.address + _VIEW.itemsize * np.arange(texts.offset, texts.offset + len(texts)) + 4
    if not data:
        return Spans(inline, lengths)
    starts = np.array([buffer.address for buffer in data], np.int64)
    is_inline = lengths <= _INLINE
    outside = starts[np.where(is_inline, 0, views["buffer"])] + views["offset"]
    return Spans(np.where(is_inline, inline, outside), lengths)
