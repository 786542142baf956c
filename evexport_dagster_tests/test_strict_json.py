"""Reading and writing JSON token by token: no digit is lost, nothing but JSON comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.strict_json import (
    MALFORMED,
    Cleaned,
    Number,
    as_text,
    clean,
    clean_as_string,
    clean_unless_unique,
    read_members,
    stringified,
    write,
)

RELAXED = settings(deadline=None, max_examples=100)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers().map(str) | st.decimals(allow_nan=False, allow_infinity=False).map(str)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS.map(Number) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES.filter(lambda it: it is not None), max_size=5)


def kinds(value: Any) -> Any:
    """A value with its types: the text "1" is another value than the number 1."""
    if isinstance(value, dict):
        return {key: kinds(member) for key, member in value.items()}
    if isinstance(value, list):
        return [kinds(member) for member in value]
    return type(value), value


@RELAXED
@given(OBJECTS)
def test_what_is_written_is_read_again(members: dict[str, Any]) -> None:
    text = write(members)
    again, odd = read_members(text)
    assert (kinds(again), list(again), odd) == (kinds(members), list(members), {})
    assert json.loads(text).keys() == members.keys()
    assert clean(text) == Cleaned(text, {})


@pytest.mark.parametrize(
    "number", ["0", "-0", "59.90", "1E+400", "1e-400", "0.1234567890123456789", "9" * 5000]
)
def test_a_number_stays_the_text_that_it_was(number: str) -> None:
    members, odd = read_members(f'{{"a": [{number}]}}')
    assert write(members) == f'{{"a":[{number}]}}'
    assert odd == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"x"', "x"),
        ('""', ""),
        ("1.50", "1.50"),
        ("true", "true"),
        ("false", "false"),
        ("[1.0, null]", "[1.0,null]"),
        ('{"k": "\\u00e9\\n"}', '{"k":"é\\n"}'),
    ],
)
def test_a_value_as_the_text_of_a_cell(value: str, text: str) -> None:
    members, _ = read_members(f'{{"a": {value}}}')
    assert as_text(members["a"]) == text


def test_every_scalar_as_text() -> None:
    members, _ = read_members('{"a":1.50,"b":[true,null,{"c":1e3}],"d":"x","e":null,"f":{}}')
    assert (
        write(stringified(members)) == '{"a":"1.50","b":["true",null,{"c":"1e3"}],"d":"x","f":{}}'
    )
    assert clean_as_string('{"a":-0,"b":NaN}') == Cleaned('{"a":"-0"}', {"not_finite_numbers": 1})


@pytest.mark.parametrize("text", [None, "{}", " { } "])
def test_nothing_is_an_empty_object(text: str | None) -> None:
    assert clean(text) == Cleaned("{}", {})
    assert clean_as_string(text) == Cleaned("{}", {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "1",
        '"{}"',
        "{",
        '{"a":1}x',
        '{"a":1,}',
        "{'a':1}",
        '{"a":01}',
        '{"a":"\n"}',
    ],
)
def test_what_is_not_an_object_has_no_properties(text: str) -> None:
    malformed = Cleaned("{}", {"malformed_objects": 1})
    assert clean(text) == clean_as_string(text) == malformed
    if text.startswith("{"):
        assert clean_unless_unique(text) == malformed


@pytest.mark.parametrize("depth", [100, 450, 900, 1100, 3000, 200_000])
@pytest.mark.parametrize("opening", ['{"a":', "["])
@pytest.mark.parametrize("cleaner", [clean, clean_as_string, clean_unless_unique])
def test_no_depth_ends_a_run(cleaner: Any, opening: str, depth: int) -> None:
    closing = "]" if opening == "[" else "}"
    text = '{"x":' + opening * depth + "1" + closing * depth + "}"
    cleaned = cleaner(text)
    digit = '"1"' if cleaner is clean_as_string else "1"
    assert cleaned in (
        Cleaned(text.replace("1", digit), {}),
        Cleaned("{}", {"malformed_objects": 1}),
    )
    assert depth > 400 or cleaned.odd == {}


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        ('{"a":{"b":[1,{"c":"d"}]},"e":[null]}', None),
        ('{"a":{"b":null}}', None),
        ('{"a":1,"b":null}', Cleaned('{"a":1}', {})),
        ('{"a":1,"a":2}', Cleaned('{"a":1}', {"duplicate_keys": 1})),
        ('{"x":{"a":1,"\\u0061":2}}', Cleaned('{"x":{"a":1}}', {"duplicate_keys": 1})),
    ],
)
def test_an_object_without_a_fault_is_not_touched(text: str, touched: Cleaned | None) -> None:
    assert clean_unless_unique(text) == (touched or Cleaned(text, {}))


def test_what_is_odd_is_counted_wherever_it_is() -> None:
    text = '{"a":NaN,"b":[Infinity,{"c":-Infinity,"c":1}],"\\ud800":"\\udc00","\\udfff":1}'
    assert clean(text) == Cleaned(
        '{"b":[null,{}],"\ufffd":"\ufffd"}',
        {"not_finite_numbers": 3, "duplicate_keys": 2, "lone_surrogates": 3},
    )


@pytest.mark.parametrize("levels", [500, 10_000])
def test_a_property_may_have_five_hundred_levels(levels: int) -> None:
    text = f'{{"a":{"[" * levels}{"]" * levels}}}'
    cleaned = clean(text)
    assert cleaned == (Cleaned(text, {}) if levels == 500 else Cleaned("{}", {MALFORMED: 1}))
    assert clean_unless_unique(text) == cleaned
