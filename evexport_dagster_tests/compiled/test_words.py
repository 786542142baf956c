"""Bytes eight at a time, against Python's own bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evexport_dagster.compiled import bytes_at, compiled, word_at
from evexport_dagster.compiled.words import (
    WORD,
    copy_bytes,
    first_marked,
    hash_of,
    marked,
    marked_below,
)

WORDS = st.binary(min_size=WORD, max_size=WORD)


@compiled
def copied(out: int, to: int, data: int, at: int, count: int) -> int:
    return copy_bytes(bytes_at(out), to, bytes_at(data), at, count)


@compiled
def place_of(data: int, byte: int) -> int:
    marks = marked(word_at(bytes_at(data), 0), byte)
    return first_marked(marks) if marks else -1


@compiled
def place_below(data: int, byte: int) -> int:
    marks = marked_below(word_at(bytes_at(data), 0), byte)
    return first_marked(marks) if marks else -1


@compiled
def hashed(data: int, at: int, end: int, seed: np.uint64) -> np.uint64:
    return hash_of(bytes_at(data), at, end, seed)


def address(text: bytes) -> tuple[int, object]:
    array = np.frombuffer(text, np.uint8)
    return array.ctypes.data, array


@pytest.mark.parametrize("count", range(40))
def test_a_copy_has_the_bytes_and_nothing_around_them_changes(count: int) -> None:
    source = bytes(range(100, 150))
    made = np.full(60, 7, np.uint8)
    at, _owner = address(source)
    for start in range(9):
        made[:] = 7
        assert copied(made.ctypes.data, 3, at, start, count) == 3 + count
        expected = b"\7" * 3 + source[start : start + count] + b"\7" * (57 - count)
        assert made.tobytes() == expected


@given(word=WORDS, byte=st.integers(0, 255))
def test_the_first_of_a_byte_is_found(word: bytes, byte: int) -> None:
    at, _owner = address(word)
    assert place_of(at, byte) == word.find(byte)
    assert place_of(at, word[5]) == word.index(word[5])


@given(word=WORDS, byte=st.integers(0, 128))
def test_the_first_lower_byte_is_found(word: bytes, byte: int) -> None:
    at, _owner = address(word)
    expected = next((place for place, it in enumerate(word) if it < byte), -1)
    assert place_below(at, byte) == expected


@given(text=st.binary(min_size=1, max_size=40), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_a_hash_is_that_of_its_bytes_and_of_no_others(
    text: bytes, seed: int, data: st.DataObject
) -> None:
    around = b"before" + text + b"behind"
    place, bit = data.draw(st.integers(0, len(text) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(text)
    changed[place] ^= 1 << bit
    (at, _0), (inside, _1), (other, _2) = map(address, (text, around, bytes(changed)))
    start = np.uint64(seed)
    found = hashed(at, 0, len(text), start)
    assert found == hashed(inside, 6, 6 + len(text), start)
    assert found != hashed(other, 0, len(text), start)
    assert found != hashed(inside, 6, 7 + len(text), start)
    assert found != hashed(at, 0, len(text), np.uint64(seed ^ 1))
