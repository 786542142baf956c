"""The levels of nested columns, as Parquet stores them.

A slot is a value of a leaf, or the place where there is none. Its definition level says how much of
its path is there, its repetition level in which list it goes on; both are those of Dremel
(Melnik et al., VLDB 2010), on https://parquet.apache.org/docs/file-format/nestedencoding/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled.packing import raise_levels

Levels = NDArray[np.uint8]


@dataclass(frozen=True)
class Slots:
    """The slots of some rows, as far as a path has been followed.

    `held` are those that have an element of the array that has been reached; None are all.
    """

    repetition: Levels
    definition: Levels
    most_repetition: int
    most_definition: int
    held: NDArray[np.int64] | None


@dataclass(frozen=True)
class Leaf:
    """The values of a path that are there, without nulls, and its slots. Texts may be coded by a
    dictionary, but `kind` is what they are."""

    path: tuple[str, ...]
    kind: pa.DataType
    slots: Slots
    values: pa.Array


def of_rows(rows: int) -> Slots:
    """A slot for each row."""
    levels = np.zeros(rows, np.uint8)
    return Slots(levels, levels, 0, 0, None)


def defined(slots: Slots, present: NDArray[np.bool_]) -> Slots:
    """The slots with one level more, which those have whose element is there."""
    most, held = slots.most_definition + 1, slots.held
    if not present.any():
        return replace(slots, most_definition=most, held=np.zeros(0, np.int64))
    if held is None:
        own = None if present.all() else np.flatnonzero(present)
        definition = slots.definition + present
        return replace(slots, definition=definition, most_definition=most, held=own)
    definition = slots.definition.copy()
    raise_levels(definition, held, present)
    return replace(slots, definition=definition, most_definition=most, held=held[present])


def repeated(slots: Slots, lengths: NDArray[np.int64]) -> Slots:
    """The slots of the elements of lists, given how many each has; one where there is none."""
    counts = np.ones(len(slots.definition), np.int64)
    held = slice(None) if slots.held is None else slots.held
    counts[held] = np.maximum(lengths, 1)
    filled = np.zeros(len(counts), np.bool_)
    filled[held] = lengths > 0
    ends = np.cumsum(counts)
    repetition = np.full(ends[-1], slots.most_repetition + 1, np.uint8)
    repetition[ends - counts] = slots.repetition
    is_held = np.repeat(filled, counts)
    return Slots(
        repetition,
        np.repeat(slots.definition, counts) + is_held,
        slots.most_repetition + 1,
        slots.most_definition + 1,
        None if is_held.all() else np.flatnonzero(is_held),
    )


def present_until(leaf: Leaf, borders: Sequence[int]) -> list[int]:
    """How many values are there before each of some slots, of which the first is the first."""
    present = leaf.slots.definition == leaf.slots.most_definition
    counts = (int(np.count_nonzero(present[first:end])) for first, end in pairwise(borders))
    return [*accumulate(counts, initial=0)]
