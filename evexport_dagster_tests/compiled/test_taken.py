"""Values taken out of objects, with what they are, against Python's own reader of JSON."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.compiled.records import template, templates
from evexport_dagster.compiled.spans import spans_of
from evexport_dagster.compiled.taken import Kind, taken

from .judge import OBJECTS

EXAMPLES = settings(max_examples=100, deadline=None)


def values_of(text: str, places: list[int]) -> list[tuple[str, Kind]]:
    found = taken(spans_of([text]), templates([template(places)]), np.zeros(1, np.int64))
    kinds = map(Kind, found.kinds.to_pylist())
    return list(zip(found.texts.to_pylist(), kinds, strict=True))


@EXAMPLES
@given(object_=OBJECTS, ascii_only=st.booleans(), data=st.data())
def test_values_are_told_apart(
    object_: dict[str, Any], ascii_only: bool, data: st.DataObject
) -> None:
    kept = {key: value for key, value in object_.items() if value is not None}
    places = data.draw(
        st.lists(st.integers(0, max(len(kept) - 1, 0)), max_size=4 if kept else 0, unique=True)
    )

    def compact(value: object) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)

    values = [[*kept.values()][place] for place in places]
    texts = [value if isinstance(value, str) else compact(value) for value in values]
    expected = list(zip(texts, map(kind_of, values), strict=True))
    assert values_of(compact(kept), places) == expected


def kind_of(value: object) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.BIGINT if value < 0 else Kind.UBIGINT
    kinds = {float: Kind.DOUBLE, str: Kind.VARCHAR, list: Kind.ARRAY, dict: Kind.OBJECT}
    return kinds[type(value)]


@EXAMPLES
@given(number=st.from_regex(r"-?(0|[1-9]\d{0,21})(\.\d{1,20})?([eE][+-]?\d{1,4})?", fullmatch=True))
def test_what_is_not_long_is_held_by_64_bits(number: str) -> None:
    number = number.translate({ord(it): str(int(it)) for it in number if it.isdecimal()})
    ((text, kind),) = values_of(f'{{"a":{number}}}', [0])
    assert text == number
    if kind == Kind.DOUBLE:
        assert is_double(number)
    elif kind != Kind.LONG:
        assert -(2**63) <= int(number) < 2**64


def is_double(digits: str) -> bool:
    try:
        return Decimal(repr(float(digits))) == Decimal(digits)
    except InvalidOperation:  # Its exponent is beyond any.
        return False


@pytest.mark.parametrize(
    "number",
    [
        *("0", "-0", "999999999999999999", "-999999999999999999", "9999999999999999999", "59.90"),
        *("0.12345678901234", "123456789012345e-9", "1E+99", "-1.5e5", "4.35", "1234567890.12345"),
    ],
)
def test_an_ordinary_number_is_not_long(number: str) -> None:
    ((_, kind),) = values_of(f'{{"a":{number}}}', [0])
    assert kind != Kind.LONG
