"""JSON objects proved harmless, and told apart by their keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evexport_dagster.compiled import bytes_at, compiled
from evexport_dagster.compiled.keys import add_key, hash_as_read
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.compiled.tokens import (
    COLON,
    COMMA,
    LEFT_BRACE,
    LEFT_BRACKET,
    QUOTE,
    RIGHT_BRACE,
    WRONG,
    is_null,
    number_end,
    past_string,
    past_value,
    string_end,
    word_end,
)
from evexport_dagster.compiled.words import Bytes, hash_of

CLEAN, WITH_NULLS, UNPROVED = 0, 1, 2
"""What a text is: an object without fault, one that would be without its null members, or anything
else."""

_DEEPEST = 100
_MOST_KEYS = 512


@compiled
def _key_end(data: Bytes, at: int, end: int) -> int:
    """The closing quote of a key that begins here, behind its opening one, which has to stand
    there, before a colon and more."""
    if at >= end or data[at - 1] != QUOTE:
        return WRONG
    at = string_end(data, at, end)
    return at if at != WRONG and at + 2 < end and data[at + 1] == COLON else WRONG


@compiled
def _scalar_end(data: Bytes, at: int, end: int) -> int:
    byte = data[at]
    if byte == QUOTE:
        at = string_end(data, at + 1, end)
        return WRONG if at == WRONG else at + 1
    if byte in (ord("t"), ord("f")):
        return word_end(data, at, end)
    return number_end(data, at, end)


@compiled
def _inner_scalar_end(data: Bytes, at: int, end: int) -> int:
    return at + 4 if is_null(data, at, end) else _scalar_end(data, at, end)


@compiled
def _past_closings(
    data: Bytes, at: int, end: int, openings: NDArray[np.uint8], depth: int
) -> tuple[int, int]:
    """Behind the ends of objects and lists that stand here, and the depth there."""
    while at != WRONG and depth and at < end and data[at] == openings[depth - 1] + 2:
        at += 1
        depth -= 1
    return at, depth


@compiled
def _nested_end(
    data: Bytes,
    at: int,
    end: int,
    openings: NDArray[np.uint8],
    firsts: NDArray[np.int64],
    keys: NDArray[np.uint64],
) -> int:
    """The end of an object or list that begins here; in none of its objects is a key twice."""
    depth, count = 0, 0
    while at < end:
        byte = data[at]
        is_value = True
        if byte in (LEFT_BRACE, LEFT_BRACKET):
            if depth == len(openings) or at + 1 >= end:
                return WRONG
            openings[depth], firsts[depth] = byte, count
            depth += 1
            at += 1
            is_value = data[at] == byte + 2
        else:
            at = _inner_scalar_end(data, at, end)
        if is_value:
            before = depth
            at, depth = _past_closings(data, at, end, openings, depth)
            if at == WRONG or depth == 0:
                return at
            if at >= end or data[at] != COMMA:
                return WRONG
            at += 1
            count = firsts[depth] if depth < before else count
        if openings[depth - 1] == LEFT_BRACE:
            key = at + 1
            at = _key_end(data, key, end)
            if at == WRONG:
                return WRONG
            count = add_key(keys, firsts[depth - 1], count, hash_as_read(data, key, at))
            if count == WRONG:
                return WRONG
            at += 2
    return WRONG


@compiled
def _look_at_one(
    data: Bytes,
    at: int,
    end: int,
    openings: NDArray[np.uint8],
    firsts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    shape: np.uint64,
) -> tuple[int, np.uint64]:
    state = CLEAN
    if end - at < 2 or data[at] != LEFT_BRACE:
        return UNPROVED, shape
    if end - at == 2:
        return (state if data[at + 1] == RIGHT_BRACE else UNPROVED), shape
    while True:
        key = at + 2
        key_end = _key_end(data, key, end)
        if key_end == WRONG:
            return UNPROVED, shape
        at = key_end + 2
        if is_null(data, at, end):
            state = WITH_NULLS
            at += 4
        else:
            shape = hash_of(data, key, key_end, shape)
            if data[at] in (LEFT_BRACE, LEFT_BRACKET):
                at = _nested_end(data, at, end, openings, firsts, keys)
            else:
                at = _scalar_end(data, at, end)
            if at == WRONG:
                return UNPROVED, shape
        if at >= end or data[at] != COMMA:
            is_end = at == end - 1 and data[at] == RIGHT_BRACE
            return (state if is_end else UNPROVED), shape


@compiled
def _has_unique_keys(data: Bytes, end: int, keys: NDArray[np.uint64]) -> bool:
    """Whether no key of an object comes twice."""
    at, count = int(data[1] == RIGHT_BRACE), 0
    while data[at] != RIGHT_BRACE:
        key = at + 2
        at = past_string(data, key, end)
        count = add_key(keys, 0, count, hash_as_read(data, key, at - 1))
        if count == WRONG:
            return False
        at = past_value(data, at + 1, end)
    return True


@compiled
def look_at(
    addresses: NDArray[np.int64], lengths: NDArray[np.int64], seed: np.uint64
) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """For each text what it is, and, where it is proved, its shape: a hash of the keys of its
    members, in order, as they are spelled; null members do not count.

    In a clean object a key of the first level may come twice, which can be seen in any object of
    its shape. Who cannot know the seed cannot make two lists of keys one shape.
    """
    texts = len(addresses)
    states, shapes = np.empty(texts, np.uint8), np.empty(texts, np.uint64)
    openings, firsts = np.zeros(_DEEPEST, np.uint8), np.zeros(_DEEPEST, np.int64)
    keys = np.zeros(_MOST_KEYS, np.uint64)
    for text in range(texts):
        data = bytes_at(addresses[text])
        found = _look_at_one(data, 0, lengths[text], openings, firsts, keys, seed)
        states[text], shapes[text] = found
        if states[text] == WITH_NULLS and not _has_unique_keys(data, lengths[text], keys):
            states[text] = UNPROVED
    return states, shapes


@compiled
def shapes_of(
    addresses: NDArray[np.int64], lengths: NDArray[np.int64], seed: np.uint64
) -> NDArray[np.uint64]:
    """The shapes of compact JSON objects without null members, whatever else is in them."""
    shapes = np.empty(len(addresses), np.uint64)
    for text in range(len(addresses)):
        data, end, shape = bytes_at(addresses[text]), lengths[text], seed
        at = 0 if end > 2 else 1
        while data[at] != RIGHT_BRACE:
            key = at + 2
            at = past_string(data, key, end)
            shape = hash_of(data, key, at - 1, shape)
            at = past_value(data, at + 1, end)
        shapes[text] = shape
    return shapes


def have_a_key_twice(objects: Spans) -> NDArray[np.bool_]:
    """Which compact JSON objects have a key twice at the first level."""
    # No member is shorter than `"":0,`.
    most_keys = int(objects.lengths.max(initial=0)) // 5 + 1
    return _have_a_key_twice(objects.addresses, objects.lengths, most_keys)


@compiled
def _have_a_key_twice(
    addresses: NDArray[np.int64], lengths: NDArray[np.int64], most_keys: int
) -> NDArray[np.bool_]:
    keys = np.zeros(most_keys, np.uint64)
    found = np.zeros(len(addresses), np.bool_)
    for text in range(len(addresses)):
        found[text] = not _has_unique_keys(bytes_at(addresses[text]), lengths[text], keys)
    return found
