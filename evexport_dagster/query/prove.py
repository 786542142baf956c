"""Rows as they come from the source, with their properties proved clean or not."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled.gather import without_nulls
from evexport_dagster.compiled.objects import UNPROVED, WITH_NULLS, look_at
from evexport_dagster.compiled.spans import Spans, joined, spans

PROPERTIES = "event_props"
SEED = np.uint64(secrets.randbits(64))
"""Of the hashes of keys: whoever names properties must not choose which of these collide."""

_NUMBERS_OF_ROW = 200
"""Bytes: addresses, lengths, and which person, device, keys and files it has."""


@dataclass(frozen=True)
class Chunk:
    """Rows of the source, and of each its properties, less null members where they are clean.

    `ways` is 2 (`UNPROVED`) where they have to be mended; otherwise `shapes` tells those with other
    keys apart.
    """

    rows: pa.Table
    objects: Spans
    ways: NDArray[np.uint8]
    shapes: NDArray[np.uint64]

    @property
    def size(self) -> int:
        """The bytes that it holds, shared ones once, and what its rows bring beside their texts."""
        columns = (column for column in self.rows.columns for column in column.chunks)
        buffers = {it.address: it.size for column in columns for it in column.buffers() if it}
        copied = self.objects.lengths[self.ways == WITH_NULLS].sum()
        return int(sum(buffers.values()) + copied + len(self.objects) * _NUMBERS_OF_ROW)


def proved(batch: pa.RecordBatch, *, as_string: bool) -> Chunk:
    """A batch, with what could be proved of it: nothing where scalars become texts (`as_string`),
    since all of them have to be read for that."""
    rows, objects = pa.Table.from_batches([batch]), spans(batch.column(PROPERTIES))
    if as_string:
        count = len(objects)
        unproved = np.full(count, UNPROVED, np.uint8)
        return Chunk(rows, objects, unproved, np.zeros(count, np.uint64))
    ways, shapes = look_at(objects.addresses, objects.lengths, SEED)
    return Chunk(rows, without_nulls(objects, ways), ways, shapes)


def one_chunk(chunks: Sequence[Chunk]) -> Chunk:
    """The rows of all of them."""
    return Chunk(
        pa.concat_tables([it.rows for it in chunks]),
        joined(it.objects for it in chunks),
        np.concatenate([it.ways for it in chunks]),
        np.concatenate([it.shapes for it in chunks]),
    )
