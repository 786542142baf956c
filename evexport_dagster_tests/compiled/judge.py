"""What compiled loops say of texts, and what Python's own reader of JSON does."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from evexport_dagster.compiled.objects import CLEAN, UNPROVED, WITH_NULLS, look_at
from evexport_dagster.compiled.spans import spans

SEED = np.uint64(7)
STRING = r'"(?:[^"\\]|\\.)*"'


class Pairs(list[tuple[str, Any]]):
    """The members of an object, twins and all."""


def looked(texts: Sequence[str]) -> list[tuple[int, int]]:
    """The state and the shape of each text."""
    array = pa.array(texts, pa.large_string())
    found = spans(array)
    states, shapes = look_at(found.addresses, found.lengths, SEED)
    return list(zip(states.tolist(), shapes.tolist(), strict=True))


def state(text: str) -> int:
    """The state of one text, which has to be the same among others."""
    (before, _), (found, _), (behind, _) = looked(["{", text, '{"'])
    assert before == behind == UNPROVED
    return found


def is_harmless(text: str) -> bool:
    """Whether a text is one compact JSON object of Unicode texts without NUL, in whose inner
    objects no key comes twice."""
    try:
        read = json.loads(text, object_pairs_hook=Pairs, parse_constant=_refused)
    except (ValueError, RecursionError):
        return False
    outside = re.sub(STRING, "", text)
    if not isinstance(read, Pairs) or re.search(r"\s", outside):
        return False
    texts, objects = list[str](), list[Pairs]()
    _collect(read, texts, objects)
    if any(re.search("[\0\ud800-\udfff]", it) for it in texts):
        return False
    return not any(has_twins(it) for it in objects if it is not read)


def members(text: str) -> Pairs:
    """The members of an object."""
    read = json.loads(text, object_pairs_hook=Pairs)
    assert isinstance(read, Pairs)
    return read


def has_twins(pairs: Pairs) -> bool:
    """Whether a key of an object comes twice."""
    return len({key for key, _ in pairs}) < len(pairs)


def allowed(text: str) -> set[int]:
    """The states that may be said of a text."""
    if not is_harmless(text):
        return {UNPROVED}
    pairs = members(text)
    if all(value is not None for _, value in pairs):
        return {CLEAN, UNPROVED}
    return {UNPROVED} if has_twins(pairs) else {WITH_NULLS, UNPROVED}


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _collect(value: Any, texts: list[str], objects: list[Pairs]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, Pairs):
        objects.append(value)
        for key, member in value:
            texts.append(key)
            _collect(member, texts, objects)
    elif isinstance(value, list):
        for element in value:
            _collect(element, texts, objects)


def _json(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    short = st.integers(-(10**18) + 1, 10**18 - 1) | st.integers(-999, 999).map(lambda n: n / 8)
    return st.recursive(
        st.none() | st.booleans() | short | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=9,
    )


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
) | st.sampled_from(
    ["a", "b", '"', "\\", "null", "}", ":null,", "\x7f", "é", "価格", "😀", "\u2028"]
)
OBJECTS = st.dictionaries(TEXTS, _json(TEXTS), max_size=5)
"""Ordinary objects: Unicode texts without NUL, numbers that 64 bits hold."""
COMPACT = st.builds(
    lambda value, ascii_: json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_),
    OBJECTS,
    st.booleans(),
)
