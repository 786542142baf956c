"""The columns of a Parquet file and the unions in them (product contract, section 4).

Where a layout has structs, a value of person or device is a text in one.

A union is a struct with a member for each type, of which one at most has a value: boolean 0,
32-bit integer 1, 64-bit integer 2, 32-bit float 3, double 4, text 5. The one of identities has
text 0, list 1, then the numbers; that of preferences has a map of unions, 6, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.compiled.taken import Kind
from evexport_dagster.formats.values import (
    TEXT,
    Entries,
    Values,
    integers,
    lists,
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


def column(group: str, entries: Entries) -> pa.MapArray:
    """The column of a group; its keys are still a dictionary."""
    union = _MADE.get(group, _values)(entries.values)
    return pa.MapArray.from_arrays(entries.offsets, entries.labels, union)


@dataclass(frozen=True)
class _Members:
    """Values by their types, each array as long as the values."""

    boolean: pa.Array
    numbers: tuple[pa.Array, ...]
    text: pa.Array


def _scalar(value: int, kind: pa.DataType, code: str) -> pa.Scalar:
    return integers([value], kind, code)[0]


_KIND: Final = {kind: _scalar(kind, pa.uint8(), "B") for kind in Kind}
_LOWEST, _HIGHEST = (_scalar(it, pa.int64(), "q") for it in (-(1 << 31), (1 << 31) - 1))
_LONG: Final = _scalar(19, pa.int32(), "i")
_LAST: Final = strings([str((1 << 63) - 1)])[0]
_TRUE: Final = strings(["true"])[0]


def _members(values: Values) -> _Members:
    texts, kinds = values.texts, values.kinds
    # Beyond 64 bits: texts of digits of one length are in the order of their numbers.
    length = pc.binary_length(texts)
    large = pc.or_(
        pc.greater(length, _LONG), pc.and_(pc.equal(length, _LONG), pc.greater(texts, _LAST))
    )
    unsigned = pc.equal(kinds, _KIND[Kind.UBIGINT])
    is_whole = pc.or_(pc.and_not(unsigned, large), pc.equal(kinds, _KIND[Kind.BIGINT]))
    is_text = pc.or_(pc.greater_equal(kinds, _KIND[TEXT]), pc.and_(unsigned, large))
    whole = _cast(texts, is_whole, pa.int64())
    is_short = pc.and_(pc.greater_equal(whole, _LOWEST), pc.less_equal(whole, _HIGHEST))
    return _Members(
        boolean=pc.if_else(
            pc.equal(kinds, _KIND[Kind.BOOLEAN]), pc.equal(texts, _TRUE), _nulls(pa.bool_(), texts)
        ),
        numbers=(
            pc.if_else(is_short, whole, _nulls(pa.int64(), texts)).cast(pa.int32()),
            pc.if_else(is_short, _nulls(pa.int64(), texts), whole),
            _cast(texts, pc.equal(kinds, _KIND[Kind.FLOAT]), pa.float32()),
            _cast(texts, pc.equal(kinds, _KIND[Kind.DOUBLE]), pa.float64()),
        ),
        text=_masked(texts, is_text),
    )


def _nulls(kind: pa.DataType, like: pa.Array) -> pa.Array:
    return pa.nulls(len(like), kind)


def _cast(texts: pa.StringArray, those: pa.BooleanArray, kind: pa.DataType) -> pa.Array:
    numbers = texts.filter(those).cast(kind)
    return pc.replace_with_mask(_nulls(kind, texts), those, numbers)


def _masked(texts: pa.StringArray, those: pa.BooleanArray) -> pa.StringArray:
    """The texts where a mask is true, without a copy of them."""
    _, offsets, data = texts.buffers()
    return pa.StringArray.from_buffers(
        len(texts), offsets.slice(4 * texts.offset), data, those.buffers()[1]
    )


def _values(values: Values) -> pa.StructArray:
    members = _members(values)
    return _union(_VALUE, [members.boolean, *members.numbers, members.text])


def _union(kind: pa.StructType, members: Sequence[pa.Array]) -> pa.StructArray:
    return pa.StructArray.from_arrays(members, fields=list(kind))


def _identities(values: Values) -> pa.StructArray:
    texts, numbers = _texts_and_numbers(values)
    is_list = pc.equal(values.kinds, _KIND[Kind.ARRAY])
    plain = pc.and_(is_list, pc.match_substring_regex(values.texts, _PLAIN_TEXTS))
    others = pc.and_not(is_list, plain)
    inner = _placed(
        [
            (plain, _lists_of_texts(values.texts.filter(plain))),
            (others, _lists_of_values(values.texts.filter(others).to_pylist())),
        ]
    )
    texts = pc.if_else(is_list, _nulls(pa.string(), texts), texts)
    return _union(_IDENTITY, [texts, inner, *numbers])


_PLAIN_TEXTS: Final = r'^\["[^"\\]*"(?:,"[^"\\]*")*\]$'


def _lists_of_texts(lists_: pa.StringArray) -> pa.ListArray:
    """The elements of JSON lists that match `_PLAIN_TEXTS`, in which no text holds a quote."""
    split = pc.split_pattern(pc.utf8_slice_codeunits(lists_, 2, -2), '","')
    texts = split.flatten()
    numbers = [_nulls(kind, texts) for kind in _NUMBERS]
    return pa.ListArray.from_arrays(split.offsets, _union(_ELEMENT, [texts, *numbers]))


def _lists_of_values(texts: Sequence[str]) -> pa.ListArray:
    found = [[it for it in _loaded(text) if it is not None] for text in texts]
    read, numbers = _texts_and_numbers(_read([it for elements in found for it in elements]))
    return lists(_union(_ELEMENT, [read, *numbers]), [len(it) for it in found])


def _placed(made: Sequence[tuple[pa.BooleanArray, pa.Array]]) -> pa.Array:
    """Arrays with an element for each place where their mask is true; null elsewhere."""
    places, before = _nulls(pa.int32(), made[0][0]), 0
    for those, elements in made:
        place = pc.add(
            pc.cumulative_sum(those.cast(pa.int32())), _scalar(before - 1, pa.int32(), "i")
        )
        places = pc.if_else(those, place, places)
        before += len(elements)
    return pa.concat_arrays([elements for _, elements in made]).take(places)


def _texts_and_numbers(values: Values) -> tuple[pa.Array, tuple[pa.Array, ...]]:
    """Of a union without booleans, which are texts in it."""
    members = _members(values)
    is_boolean = pc.equal(values.kinds, _KIND[Kind.BOOLEAN])
    return pc.if_else(is_boolean, values.texts, members.text), members.numbers


def _read(values: Sequence[Any]) -> Values:
    read = [read_value(value) for value in values]
    kinds = integers([kind for _, kind in read], pa.uint8(), "B")
    return Values(strings([text for text, _ in read]), kinds)


def _preferences(values: Values) -> pa.StructArray:
    members = _members(values)
    is_map = pc.equal(values.kinds, _KIND[Kind.OBJECT])
    # Few objects are many people's preferences.
    objects = values.texts.filter(is_map).dictionary_encode()
    inner = _placed([(is_map, _maps(objects.dictionary.to_pylist()).take(objects.indices))])
    texts = pc.if_else(is_map, _nulls(pa.string(), values.texts), members.text)
    return _union(_PREFERENCE, [members.boolean, *members.numbers, texts, inner])


def _maps(texts: Sequence[str]) -> pa.MapArray:
    found = [_entries(text) for text in texts]
    offsets = integers([*accumulate(map(len, found), initial=0)], pa.int32())
    keys = strings([key for entries in found for key, _, _ in entries])
    kinds = integers([kind for entries in found for _, _, kind in entries], pa.uint8(), "B")
    values = Values(strings([text for entries in found for _, text, _ in entries]), kinds)
    return pa.MapArray.from_arrays(offsets, keys, _values(values))


def _entries(text: str) -> list[tuple[str, str, Kind]]:
    """The members of an object that have a value: key, text and kind."""
    members = _loaded(text).items()
    return [(key, *read_value(value)) for key, value in members if value is not None]


def _loaded(text: str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)


_MADE: Final = {"identity": _identities, "commPrefs": _preferences}
