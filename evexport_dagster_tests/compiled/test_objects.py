"""Objects that are proved, and their shapes, against Python's own reader of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.compiled.objects import CLEAN, UNPROVED, WITH_NULLS, shapes_of
from evexport_dagster.compiled.spans import spans

from ..query.hostile import texts as hostile_texts
from .judge import COMPACT, OBJECTS, SEED, allowed, is_harmless, looked, members, state

EXAMPLES = settings(max_examples=100, deadline=None)
TOKENS = ("{", "}", "[", "]", ",", ":", '"a"', '"b":', "null", "1", " ", "true", "-", '"')


def assert_allowed(texts: list[str]) -> None:
    for text, (found, _) in zip(texts, looked(texts), strict=True):
        assert found in allowed(text), (text, found)


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_nothing_hostile_is_proved(seed: int) -> None:
    assert_allowed(hostile_texts(seed, 1000))


@pytest.mark.parametrize("around", ["{}", '{{"a":{}}}', '{{"b":[{}]}}', '{{"c":{{"a":{}}}}}'])
def test_no_row_of_tokens_is_proved_that_is_no_object(around: str) -> None:
    rows = (row for length in range(4) for row in product(TOKENS, repeat=length))
    assert_allowed([around.format("".join(row)) for row in rows])


@EXAMPLES
@given(text=COMPACT, seed=st.integers(0, 2**63))
def test_what_is_nearly_an_object_is_not_proved(text: str, seed: int) -> None:
    assert_allowed(list(_changed(text, Random(seed))))


def _changed(text: str, rng: Random) -> Iterator[str]:
    for at in rng.sample(range(len(text) + 1), min(len(text) + 1, 12)):
        yield text[:at] + text[at + 1 :]
        yield text[:at] + rng.choice('{}[]:,"\\ \n\t\0\x1f0-.eEnu\ufeff') + text[at:]
        yield text[:at] + rng.choice(TOKENS) + text[at + 1 :]
        yield text[:at]


@EXAMPLES
@given(text=COMPACT)
def test_an_ordinary_object_is_proved(text: str) -> None:
    has_nulls = any(value is None for _, value in members(text))
    assert state(text) == (WITH_NULLS if has_nulls else CLEAN), text


@EXAMPLES
@given(digits=st.text("0123456789+-.eE", min_size=1, max_size=9))
def test_a_number_is_proved_if_it_is_one(digits: str) -> None:
    text = f'{{"a":{digits}}}'
    assert (state(text) == CLEAN) == is_harmless(text), digits


@EXAMPLES
@given(inner=st.text('"\\ub0019dDcCeEf/nrtx\x1f é😀', max_size=14))
def test_a_text_is_proved_if_it_is_one(inner: str) -> None:
    for text in (f'{{"a":"{inner}"}}', f'{{"{inner}":0}}', f'{{"a":[{{"{inner}":0}}]}}'):
        assert (state(text) == CLEAN) == is_harmless(text), text


UNITS = ("0000", "0001", "0022", "00e9", "D7ff", "d83d", "dBFF", "dc00", "DFFF", "E000", "ffff")


@pytest.mark.parametrize("first", UNITS)
@pytest.mark.parametrize("second", ["", *UNITS])
def test_escapes_are_proved_if_they_are_characters(first: str, second: str) -> None:
    escapes = f"\\u{first}" + (f"\\u{second}" if second else "")
    for text in (f'{{"a":"{escapes}"}}', f'{{"{escapes}":0}}', f'{{"a":"{escapes}x"}}'):
        assert (state(text) == CLEAN) == is_harmless(text), text


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_has_an_end(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    depths = {n: f'{{"x":{opening * n}1{closing * n}}}' for n in (1, 2, 99, 100, 101, 600, 20_000)}
    found = {n: state(text) for n, text in depths.items()}
    assert found == {n: CLEAN if n <= 100 else UNPROVED for n in depths}


@pytest.mark.parametrize(("keys", "expected"), [(512, CLEAN), (513, UNPROVED)])
def test_inner_objects_have_so_many_keys(keys: int, expected: int) -> None:
    inner = ",".join(f'"{n}":0' for n in range(keys))
    assert state(f'{{"a":[{{{inner}}},{{}}]}}') == expected
    assert state(f"{{{inner}}}") == CLEAN


SPELLINGS = (*"ab/éA\n", "価", "😀", '"', "\\", "null")


def _spelled(key: str, way: int) -> str:
    if way == 2:
        units = key.encode("utf-16-be").hex()
        escapes = (f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        return f'"{"".join(escapes)}"'
    return json.dumps(key, ensure_ascii=way == 1).replace("/", "\\/" if way == 1 else "/")


@EXAMPLES
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(SPELLINGS), st.integers(0, 2), st.sampled_from(["null", "1"])),
        max_size=4,
    )
)
def test_keys_that_come_twice_are_found_however_they_are_spelled(
    pairs: list[tuple[str, int, str]],
) -> None:
    inner = ",".join(f"{_spelled(key, way)}:{value}" for key, way, value in pairs)
    has_twins = len({key for key, *_ in pairs}) < len(pairs)
    has_nulls = any(value == "null" for *_, value in pairs)
    assert state(f'{{"x":{{{inner}}}}}') == (UNPROVED if has_twins else CLEAN)
    assert state(f'{{"y":[0,{{"z":{{}}}},{{{inner}}}]}}') == (UNPROVED if has_twins else CLEAN)
    if has_nulls:
        assert state(f"{{{inner}}}") == (UNPROVED if has_twins else WITH_NULLS)
    else:
        assert state(f"{{{inner}}}") == CLEAN


@EXAMPLES
@given(objects=st.lists(OBJECTS, min_size=2, max_size=9))
def test_objects_have_one_shape_if_they_have_the_same_keys(
    objects: list[dict[str, object]],
) -> None:
    plain: list[dict[str, object]] = [dict.fromkeys(it, 0) for it in objects]
    more = objects + plain
    texts = [json.dumps(it, separators=(",", ":"), ensure_ascii=False) for it in more]
    keys = [tuple(key for key, value in it.items() if value is not None) for it in more]
    shapes = [shape for _, shape in looked(texts)]
    pairs = set(zip(keys, shapes, strict=True))
    assert len(pairs) == len(set(keys)) == len(set(shapes))


@EXAMPLES
@given(object_=OBJECTS, value=st.sampled_from(["0", '"\\\\"', "[" * 300 + "]" * 300, "1" * 40]))
def test_the_shape_of_what_is_not_proved_is_that_of_its_keys(
    object_: dict[str, object], value: str
) -> None:
    plain = json.dumps(dict.fromkeys(object_, 0), separators=(",", ":"), ensure_ascii=False)
    other = ",".join(f"{json.dumps(key, ensure_ascii=False)}:{value}" for key in object_)
    array = pa.array([plain, f"{{{other}}}"], pa.large_string())
    ((_, expected),) = looked([plain])
    found = spans(array)
    assert shapes_of(found.addresses, found.lengths, SEED).tolist() == [expected, expected]
