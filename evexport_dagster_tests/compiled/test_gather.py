"""Texts wherever they lie in memory, and objects without their null members."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.compiled.gather import gathered, without_nulls
from evexport_dagster.compiled.objects import UNPROVED, WITH_NULLS, look_at
from evexport_dagster.compiled.spans import spans

from ..query.hostile import texts as hostile_texts
from .judge import COMPACT, SEED, TEXTS, members

EXAMPLES = settings(max_examples=100, deadline=None)
KINDS = (pa.string(), pa.large_string())


def array_of(texts: list[str] | list[str | None], kind: pa.DataType = KINDS[1]) -> pa.Array:
    return pa.array(texts, pa.large_string()).cast(kind)


@EXAMPLES
@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(
    texts=st.lists(st.none() | TEXTS | TEXTS.map(lambda it: it * 9), max_size=9),
    more=st.lists(TEXTS.map(lambda it: it * 20), max_size=3),
    start=st.integers(0, 9),
    length=st.integers(0, 9),
)
def test_texts_are_found_where_they_lie(
    kind: pa.DataType, texts: list[str | None], more: list[str], start: int, length: int
) -> None:
    array = pa.concat_arrays([array_of(texts, kind), array_of(more, kind)])
    for part in (array, array.slice(start, length)):
        copied = gathered(spans(part))
        copied.validate(full=True)
        assert copied.to_pylist() == [text or "" for text in part.to_pylist()]
        backwards = np.arange(len(part))[::-1]
        assert gathered(spans(part).take(backwards)).to_pylist() == copied.to_pylist()[::-1]


@EXAMPLES
@given(values=st.lists(st.tuples(TEXTS, COMPACT | st.just("null")), max_size=7))
def test_null_members_are_cut_and_nothing_else(values: list[tuple[str, str]]) -> None:
    pairs = [(json.dumps(key), value) for key, value in dict(values).items()]
    whole, kept = (
        "{" + ",".join(f"{key}:{value}" for key, value in its) + "}"
        for its in (pairs, [it for it in pairs if it[1] != "null"])
    )
    texts = array_of(["", whole, "{", whole, '{"a":[null]}', '{"null":null}'])
    before = spans(texts)
    states, shapes = look_at(before.addresses, before.lengths, SEED)
    behind = without_nulls(before, states)
    made = gathered(behind)
    assert made.to_pylist() == ["", kept, "{", kept, '{"a":[null]}', "{}"]
    again, same = look_at(behind.addresses, behind.lengths, SEED)
    assert WITH_NULLS not in again
    assert shapes[again != UNPROVED].tolist() == same[again != UNPROVED].tolist()


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_what_is_cut_means_the_same(seed: int) -> None:
    texts = array_of(hostile_texts(seed, 1000))
    found = spans(texts)
    states, _ = look_at(found.addresses, found.lengths, SEED)
    made = gathered(without_nulls(found, states))
    for state, before, after in zip(states, texts.to_pylist(), made.to_pylist(), strict=True):
        if state != WITH_NULLS:
            assert after == before
        else:
            assert members(after) == [it for it in members(before) if it[1] is not None]


@pytest.mark.parametrize("texts", [[], [""], [None], ["{}"]])
def test_there_may_be_nothing(texts: list[Any]) -> None:
    for kind in KINDS:
        assert gathered(spans(array_of(texts, kind))).to_pylist() == [it or "" for it in texts]
