"""Nested columns as the leaves that Parquet stores: values that are there, and levels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import integers_of
from evexport_dagster.formats.parquet.levels import Leaf, Slots, defined, of_rows, repeated
from evexport_dagster.formats.parquet.unions import VALUE, Union, elements, maps, values_of

_Path = tuple[str, ...]


def leaves(field: pa.Field, column: pa.Array) -> Iterator[Leaf]:
    """The leaves of a column, in the order of its type. Leaves of the same levels share them.

    Where the type has a union, the column may have `VALUE`.
    """
    yield from _leaves((field.name,), field, column, of_rows(len(column)))


def _leaves(path: _Path, field: pa.Field, array: pa.Array, slots: Slots) -> Iterator[Leaf]:
    kind = field.type
    if field.nullable:
        slots, array = defined(slots, _present(array)), array.drop_null()
    if array.type == VALUE:
        yield from _members(path, kind, array, slots)
    elif pa.types.is_struct(kind):
        for number, child in enumerate(kind):
            yield from _leaves((*path, child.name), child, array.field(number), slots)
    elif pa.types.is_map(kind):
        slots = repeated(slots, _lengths(array))
        for child, its in ((kind.key_field, array.keys), (kind.item_field, array.items)):
            yield from _leaves((*path, "key_value", child.name), child, _within(its, array), slots)
    elif pa.types.is_list(kind):
        slots = repeated(slots, _lengths(array))
        child = kind.value_field
        yield from _leaves((*path, "list", "element"), child, _within(array.values, array), slots)
    else:
        yield Leaf(path, kind, slots, array)


def _members(
    path: _Path, kind: pa.StructType, held: pa.StructArray, slots: Slots
) -> Iterator[Leaf]:
    union = Union(kind, values_of(held))
    for member in kind:
        those = union.those(member.type)
        its = defined(slots, those)
        if pa.types.is_nested(member.type):
            made = (elements if pa.types.is_list(member.type) else maps)(union.texts(those))
            required = member.with_nullable(False)
            yield from _leaves((*path, member.name), required, made, its)
        else:
            yield Leaf((*path, member.name), member.type, its, union.scalars(member.type, those))


def _present(array: pa.Array) -> NDArray[np.bool_]:
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    present: NDArray[np.uint8] = integers_of(array.is_valid().cast(pa.uint8()))
    return present.view(np.bool_)


def _lengths(array: pa.Array) -> NDArray[np.int64]:
    return np.diff(integers_of(array.offsets)).astype(np.int64)


def _within(children: pa.Array, array: pa.Array) -> pa.Array:
    """Those children that the elements of an array have."""
    offsets = array.offsets
    begin = offsets[0].as_py()
    return children.slice(begin, offsets[-1].as_py() - begin)
