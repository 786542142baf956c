"""The columns of a Parquet file and the unions in them (product contract, section 4).

Where a layout has structs, a value of person or device is a text in one.

A union is a struct with a member for each type, of which one at most has a value: boolean 0,
32-bit integer 1, 64-bit integer 2, 32-bit float 3, double 4, text 5. The one of identities has
text 0, list 1, then the numbers; that of preferences has a map of unions, 6, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import booleans, integers_of, numbers
from evexport_dagster.compiled.spans import spans
from evexport_dagster.compiled.taken import elements_of
from evexport_dagster.compiled.typed import Type, typed
from evexport_dagster.formats.values import (
    Entries,
    Values,
    integers,
    read_taken,
    read_value,
    strings,
)
from evexport_dagster.layouts import (
    Deleted,
    EventName,
    EventTime,
    Layout,
    OfDevice,
    OfPerson,
    Properties,
)
from evexport_dagster.strict_json import Number

_NUMBERS: Final = (pa.int32(), pa.int64(), pa.float32(), pa.float64())


def _struct(*members: pa.DataType) -> pa.StructType:
    return pa.struct([(f"member{number}", it) for number, it in enumerate(members)])


def _map(values: pa.DataType) -> pa.MapType:
    return pa.map_(pa.string(), values)


_ELEMENT: Final = _struct(pa.string(), *_NUMBERS)
_IDENTITY: Final = _struct(pa.string(), pa.list_(_ELEMENT), *_NUMBERS)
_VALUE: Final = _struct(pa.bool_(), *_NUMBERS, pa.string())
_PREFERENCE: Final = _struct(pa.bool_(), *_NUMBERS, pa.string(), _map(_VALUE))

UNIONS: Final = {
    "identity": _IDENTITY,
    "deviceInfo": _VALUE,
    "commPrefs": _PREFERENCE,
    "profile": _VALUE,
}
"""The union of each group but the properties, in the order of the columns."""

STAMPS: Final = "timestamp"
"""The column of times where groups are maps."""


def schema_of(layout: Layout) -> pa.Schema:
    """The columns of a layout's files, whatever is selected."""
    return pa.schema(list(_structs(layout) if layout.has_structs else _columns(layout)))


def _columns(layout: Layout) -> Iterator[tuple[str, pa.DataType]]:
    for member in layout.record:
        match member:
            case EventName(label):
                yield label, pa.string()
            case EventTime():
                yield STAMPS, _map(pa.string())
            case Deleted(label):
                yield label, pa.bool_()
    unions = {**UNIONS, layout.properties: _VALUE}
    yield from ((group, _map(union)) for group, union in unions.items())


def _structs(layout: Layout) -> Iterator[tuple[str, pa.DataType]]:
    fields = layout.fields()
    for member in layout.record:
        match member:
            case EventName(label):
                yield label, pa.string()
            case EventTime(label, is_number=is_number):
                yield label, pa.int64() if is_number else pa.string()
            case Properties(label):
                yield label, _map(_VALUE)
                if layout.session is not None:
                    yield layout.session, _map(_VALUE)
            case OfPerson(group) | OfDevice(group) if group in fields:
                yield group, pa.struct([(it, pa.string()) for it in fields.pop(group)])


VALUE: Final = pa.struct([("text", pa.string()), ("kind", pa.uint8())])
"""A value that is not in a union yet: `formats.values.Values`, as an array."""


def column(entries: Entries) -> pa.MapArray:
    """The column of a group: its keys are still a dictionary, its values are in no union."""
    return pa.MapArray.from_arrays(entries.offsets, entries.labels, _held(entries.values))


def _held(values: Values) -> pa.StructArray:
    return pa.StructArray.from_arrays([values.texts, values.kinds], fields=list(VALUE))


class Union:
    """Some values as the members of a union of this type.

    What the union has no member for is a text: a boolean among identities, lists and objects in
    most unions.
    """

    def __init__(self, kind: pa.StructType, values: Values) -> None:
        self._texts = values.texts
        self._types, self._integers = typed(spans(values.texts), integers_of(values.kinds))
        self._has = {_type_of(member.type) for member in kind}

    def those(self, member: pa.DataType) -> NDArray[np.bool_]:
        """Which values a member has."""
        own = _type_of(member)
        those: NDArray[np.bool_] = self._types == own
        if own is Type.TEXT:
            for other in set(Type) - self._has:
                those |= self._types == other
        return those

    def texts(self, those: NDArray[np.bool_]) -> pa.StringArray:
        """Some of the values as they are spelled."""
        return self._texts.filter(booleans(those))

    def scalars(self, member: pa.DataType, those: NDArray[np.bool_]) -> pa.Array:
        """The values that a member has which is no list and no map."""
        match _type_of(member):
            case Type.INT32:
                return numbers(self._integers[those].astype(np.int32))
            case Type.INT64:
                return numbers(self._integers[those])
            case Type.BOOLEAN:
                return pc.equal(self.texts(those), _TRUE)
            case Type.TEXT:
                return self.texts(those)
            case _:
                return self.texts(those).cast(member)


_TRUE: Final = strings(["true"])[0]


def _type_of(member: pa.DataType) -> Type:
    if pa.types.is_list(member):
        return Type.LIST
    return Type.MAP if pa.types.is_map(member) else _TYPES[member]


_TYPES: Final = {
    pa.bool_(): Type.BOOLEAN,
    pa.int32(): Type.INT32,
    pa.int64(): Type.INT64,
    pa.float32(): Type.FLOAT,
    pa.float64(): Type.DOUBLE,
    pa.string(): Type.TEXT,
}


def values_of(held: pa.StructArray) -> Values:
    """The values of an array of `VALUE`."""
    return Values(held.field("text"), held.field("kind"))


def elements(texts: pa.StringArray) -> pa.ListArray:
    """JSON lists as lists of `VALUE`, without nulls."""
    offsets, found = elements_of(spans(texts))
    values = read_taken(found)
    return pa.ListArray.from_arrays(numbers(offsets), _held(values))


def maps(texts: pa.StringArray) -> pa.MapArray:
    """JSON objects as maps of `VALUE`, without the members that have none."""
    # Few objects are many people's preferences.
    coded = texts.dictionary_encode()
    found = [
        [(key, it) for key, it in _loaded(text).items() if it is not None]
        for text in coded.dictionary.to_pylist()
    ]
    offsets = integers([*accumulate(map(len, found), initial=0)], pa.int32())
    keys = strings([key for own in found for key, _ in own])
    values = [read_value(it) for own in found for _, it in own]
    kinds = integers([kind for _, kind in values], pa.uint8(), "B")
    held = _held(Values(strings([text for text, _ in values]), kinds))
    return pa.MapArray.from_arrays(offsets, keys, held).take(coded.indices)


def _loaded(text: str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)
