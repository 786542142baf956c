"""Values with their types, in columns: what a format is made of whose records are no text.

A value is its text and its kind. Numbers are told from each other by what they are: an integer
that 64 bits hold, a decimal that a double holds; any other number is text.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.compiled.taken import Kind, Taken
from evexport_dagster.strict_json import Number, as_text

TEXT = Kind.VARCHAR


@dataclass(frozen=True)
class Values:
    """Values by their texts and their kinds; nothing is missing."""

    texts: pa.StringArray
    kinds: pa.UInt8Array

    def take(self, places: pa.Array) -> Values:
        """Some of the values."""
        return Values(self.texts.take(places), self.kinds.take(places))

    def with_floats(self, those: pa.BooleanArray) -> Values:
        """The values, where those of some places are 32-bit floats if they are decimals."""
        floats = pc.and_(pc.equal(self.kinds, _DOUBLE), those)
        return Values(self.texts, pc.if_else(floats, _FLOAT, self.kinds))


@dataclass(frozen=True)
class Entries:
    """A map for each record: its entries lie between two offsets, each a label and a value."""

    offsets: pa.Int32Array
    labels: pa.DictionaryArray
    values: Values


def integers(values: Sequence[int], kind: pa.DataType, code: str = "i") -> pa.Array:
    """An array of integers. `pyarrow.array` would import pandas, which takes seconds."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(array(code, values))])


def booleans(values: Sequence[bool]) -> pa.Array:
    """An array of truth values; see `integers`."""
    return integers(values, pa.uint8(), "B").cast(pa.bool_())


def strings(values: Sequence[str]) -> pa.StringArray:
    """An array of texts; see `integers`."""
    encoded = [value.encode() for value in values]
    offsets = array("i", accumulate(map(len, encoded), initial=0))
    return pa.StringArray.from_buffers(
        len(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))
    )


def lists(values: pa.Array, lengths: Sequence[int]) -> pa.ListArray:
    """An array of lists of these lengths that have the values one after the other."""
    offsets = integers([*accumulate(lengths, initial=0)], pa.int32())
    return pa.ListArray.from_arrays(offsets, values)


def read_value(value: Any) -> tuple[str, Kind]:
    """The text and the kind of a value that `strict_json` has read."""
    if isinstance(value, bool):
        return as_text(value), Kind.BOOLEAN
    if isinstance(value, Number):
        return value, _kind_of_number(value)
    if isinstance(value, list):
        return as_text(value), Kind.ARRAY
    return as_text(value), Kind.OBJECT if isinstance(value, dict) else TEXT


def read_taken(values: Taken) -> Values:
    """Values that were taken out of objects; what their long numbers are is decided here."""
    are_long = pc.equal(values.kinds, _LONG)
    if not pc.any(are_long).as_py():
        return Values(values.texts, values.kinds)
    digits = values.texts.filter(are_long).to_pylist()
    kinds = integers([_kind_of_number(it) for it in digits], pa.uint8(), "B")
    return Values(values.texts, pc.replace_with_mask(values.kinds, are_long, kinds))


def _kind_of_number(digits: str) -> Kind:
    if digits.lstrip("-").isdigit():
        fits = len(digits) <= 20 and -(1 << 63) <= int(digits) < 1 << 63
        return Kind.BIGINT if fits else TEXT
    held = float(digits)
    if held == 0:
        return TEXT if _NOT_ZERO.match(digits) else Kind.DOUBLE
    return Kind.DOUBLE if isfinite(held) and Decimal(repr(held)) == Decimal(digits) else TEXT


_NOT_ZERO = re.compile("[-0.]*[1-9]")
_FLOAT, _DOUBLE, _LONG = integers([Kind.FLOAT, Kind.DOUBLE, Kind.LONG], pa.uint8(), "B")
