"""JSON objects read and written token by token, so that no digit is lost.

DuckDB's JSON functions are fast and respell numbers, keep explicit nulls and duplicate keys,
and accept more than JSON. Objects that cannot be proved harmless are read here. A number stays
the text that the source wrote.

Rules (product contract, "Values"): a null, NaN or infinite property is missing; of duplicate
keys the first counts; a lone surrogate becomes U+FFFD; what is not an object has no properties.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from json.encoder import encode_basestring
from typing import Any, NamedTuple

MALFORMED = "malformed_objects"
NOT_FINITE = "not_finite_numbers"
DUPLICATE = "duplicate_keys"
SURROGATE = "lone_surrogates"


BESIDE_MALFORMED = "\0malformed\0"
"""What an object begins with that stands beside a malformed one, which is counted with it."""

DEEPEST = 600
"""The levels of objects and lists that are read; what is deeper counts as malformed."""

_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SURROGATES = re.compile("[\ud800-\udfff]")


class Number(str):
    """The digits of a JSON number, as the source spelled them."""

    __slots__ = ()


class _NotFinite:
    """NaN or an infinity, which JSON does not have."""


_NOT_FINITE = _NotFinite()


@dataclass
class _Reader:
    """Reads one JSON text strictly and counts what it had to mend."""

    odd: Counter[str] = field(default_factory=Counter)

    def read(self, text: str) -> Any:
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=lambda _: _NOT_FINITE,
        )
        return decoder.decode(text)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in pairs:
            label = self._text(key)
            if label in members:
                self.odd[DUPLICATE] += 1
            else:
                members[label] = self._value(value)
        finite = {key: value for key, value in members.items() if value is not _NOT_FINITE}
        self.odd[NOT_FINITE] += len(members) - len(finite)
        return finite

    def _value(self, value: Any) -> Any:
        if isinstance(value, Number):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            for position, element in enumerate(value):
                value[position] = self._value(self._finite(element))
        return value

    def _finite(self, value: Any) -> Any:
        if value is not _NOT_FINITE:
            return value
        self.odd[NOT_FINITE] += 1
        return None

    def _text(self, text: str) -> str:
        mended, count = _SURROGATES.subn("\ufffd", text)
        self.odd[SURROGATE] += count
        return mended


def read_members(text: str) -> tuple[dict[str, Any], Counter[str]]:
    """The members of a JSON object that have a value, and what was odd about it.

    Values are dict, list, str, bool, None (only inside lists and nested objects) and `Number`.
    """
    object_ = text.removeprefix(BESIDE_MALFORMED)
    value, odd = _read(object_)
    if not isinstance(value, dict):
        return {}, Counter({MALFORMED: 1})
    if object_ != text:
        odd[MALFORMED] += 1
    return {key: member for key, member in value.items() if member is not None}, odd


def _read(text: str) -> tuple[Any, Counter[str]]:
    if _is_too_deep(text):
        return None, Counter()
    if "\\u" not in text:
        # Nearly every text is without fault, and read by one decoder that stops at any.
        try:
            return _FAULTLESS.decode(text), Counter()
        except (_FaultError, ValueError, RecursionError):
            pass
    reader = _Reader()
    try:
        value = reader.read(text)
    except (ValueError, RecursionError):
        return None, Counter()
    return value, +reader.odd


def _is_too_deep(text: str) -> bool:
    # How deep Python itself reads and writes depends on its version and on who calls.
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    steps = (_STEPS.get(char, 0) for char in _STRING.sub("", text))
    return max(accumulate(steps), default=0) > DEEPEST


class _FaultError(Exception):
    """An object has a key twice, or a number is not finite."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _FaultError
    return members


def _refused(constant: str) -> Any:
    raise _FaultError


_FAULTLESS = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=Number, parse_float=Number, parse_constant=_refused
)
_UNIQUE = json.JSONDecoder(object_pairs_hook=_unique)


def write(value: Any) -> str:
    """A value of `read_members` as compact JSON."""
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    # Plain loops, one frame a level: nested comprehensions would halve the possible depth.
    pieces = []
    if isinstance(value, list):
        for element in value:
            pieces.append(write(element))
        return f"[{','.join(pieces)}]"
    for key, member in value.items():
        pieces.append(f"{encode_basestring(key)}:{write(member)}")
    return f"{{{','.join(pieces)}}}"


def as_text(value: Any) -> str:
    """A value as the text of a CSV cell: nested values as compact JSON."""
    return value if isinstance(value, str) else write(value)


def stringified(value: Any) -> Any:
    """The value with every scalar in it as text (the export's `as_string`)."""
    if isinstance(value, list):
        for position, element in enumerate(value):
            value[position] = stringified(element)
    elif isinstance(value, dict):
        for key, member in value.items():
            value[key] = stringified(member)
    elif value is not None:
        return str(as_text(value))
    return value


class Cleaned(NamedTuple):
    """An object as compact strict JSON without null members, and what was odd about it."""

    text: str
    odd: Mapping[str, int]


def clean(text: str | None) -> Cleaned:
    """The object cleaned."""
    return _cleaned(text, lambda members: members)


def clean_as_string(text: str | None) -> Cleaned:
    """`clean`, with every scalar as text."""
    return _cleaned(text, stringified)


def clean_unless_unique(text: str) -> Cleaned:
    """`clean` for a compact text without long numbers, NaN or lone surrogates: one that is valid,
    without duplicate keys and null members, comes back as it is."""
    try:
        untouched = not _is_too_deep(text) and None not in _UNIQUE.decode(text).values()
    except (_FaultError, ValueError, RecursionError):
        untouched = False
    return Cleaned(text, {}) if untouched else clean(text)


def _cleaned(text: str | None, change: Callable[[Any], Any]) -> Cleaned:
    if text is None:
        return Cleaned("{}", {})
    members, odd = read_members(text)
    return Cleaned(write(change(members)), odd)
