"""JSON read without loss: what a value is to the contract, on either side of an export."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
SURROGATES: Final = re.compile("[\ud800-\udfff]")
NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


class Number(NamedTuple):
    """A number by its value alone: digits without outer zeros, times ten to the exponent."""

    negative: bool
    digits: str
    exponent: int


class Numeral(NamedTuple):
    """A number that is exported as text."""

    number: Number


class Gap:
    """NaN or an infinity: no value, but for its place in a list."""


GAP: Final = Gap()

Value: TypeAlias = "bool | Number | Numeral | str | list[Value] | dict[str, Value] | None"
"""What is exported. None is an explicit null within a list or an object, else: missing."""

Parsed: TypeAlias = "bool | Number | str | Gap | list[Parsed] | dict[str, Parsed] | None"


class UnreadableError(Exception):
    """A text that a strict reader refuses."""


def number(text: str) -> Number:
    """The value of a JSON number of any size."""
    match = NUMBER.fullmatch(text)
    if match is None:
        raise UnreadableError(f"not a number: {text!r}")
    sign, whole, fraction, exponent = match.groups(default="")
    digits = (whole + fraction).lstrip("0")
    kept = digits.rstrip("0")
    if not kept:
        return Number(False, "0", 0)
    shift = len(digits) - len(kept) - len(fraction)
    return Number(sign == "-", kept, int(exponent or 0) + shift)


def read_source(text: str) -> Value:
    """What a JSON text of a source says; raises UnreadableError where it is malformed.

    Of equal keys the first counts, lone surrogates are U+FFFD, NaN and infinity are missing.
    """
    return _mended(_loaded(text, _first_of_equal_keys, lambda _: GAP))


def read_exported(text: str) -> Value:
    """What an exported JSON text says; raises UnreadableError for what strict parsers refuse."""
    if re.search(r"\s", STRING.sub("", text)):
        raise UnreadableError(f"not compact: {text[:80]!r}")
    parsed = _loaded(text, _no_equal_keys, _no_constant)
    value = _mended(parsed)
    if value != parsed:
        raise UnreadableError(f"a lone surrogate: {text[:80]!r}")
    return value


def _loaded(
    text: str,
    pairs: Callable[[list[tuple[str, Parsed]]], Parsed],
    constant: Callable[[str], Parsed],
) -> Parsed:
    try:
        parsed: Parsed = json.loads(
            text,
            parse_int=number,
            parse_float=number,
            parse_constant=constant,
            object_pairs_hook=pairs,
        )
    except ValueError as error:
        raise UnreadableError(f"{error}: {text[:80]!r}") from error
    return parsed


def _first_of_equal_keys(pairs: list[tuple[str, Parsed]]) -> Parsed:
    first: dict[str, Parsed] = {}
    for key, value in pairs:
        first.setdefault(_paired(key), value)
    return first


def _no_equal_keys(pairs: list[tuple[str, Parsed]]) -> Parsed:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise UnreadableError(f"a key comes twice: {keys}")
    if any(map(SURROGATES.search, keys)):
        raise UnreadableError(f"a lone surrogate in a key: {keys}")
    return dict(pairs)


def _no_constant(name: str) -> Parsed:
    raise UnreadableError(f"not JSON: {name}")


def _paired(text: str) -> str:
    return SURROGATES.sub(REPLACEMENT, text)


def _mended(value: Parsed) -> Value:
    if isinstance(value, Gap):
        return None
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {key: _mended(item) for key, item in value.items() if not isinstance(item, Gap)}
    return _paired(value) if isinstance(value, str) else value
