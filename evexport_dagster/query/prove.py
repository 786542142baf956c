"""Batches of rows as they come from the source, with their properties proved clean or not."""

from __future__ import annotations

import secrets

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled.gather import without_nulls
from evexport_dagster.compiled.numbers import numbers
from evexport_dagster.compiled.objects import UNPROVED, WITH_NULLS, look_at
from evexport_dagster.compiled.spans import Spans, spans

PROPERTIES = "event_props"
SEED = np.uint64(secrets.randbits(64))
"""Of the hashes of keys: whoever names properties must not choose which of these collide."""


def proved(batch: pa.RecordBatch, *, as_string: bool) -> pa.RecordBatch:
    """A batch with clean properties where these could be proved, less their null members.

    `way` is 2 (`UNPROVED`) where they have to be mended, as all of them where scalars become texts
    (`as_string`); otherwise `shape` tells those with other keys apart.
    """
    texts = batch.column(PROPERTIES)
    found = spans(texts)
    ways, shapes = _looked_at(found, as_string=as_string)
    cut = WITH_NULLS in ways
    clean = without_nulls(found, ways) if cut else texts.cast(pa.large_string())
    batch = batch.set_column(batch.schema.get_field_index(PROPERTIES), PROPERTIES, clean)
    return batch.append_column("way", numbers(ways)).append_column("shape", numbers(shapes))


def _looked_at(texts: Spans, *, as_string: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    if not as_string:
        return look_at(texts.addresses, texts.lengths, SEED)
    rows = len(texts)
    return np.full(rows, UNPROVED, np.uint8), np.zeros(rows, np.uint64)
