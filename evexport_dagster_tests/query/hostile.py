"""JSON texts as hostile as sources are, and an independent reading of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any


def _words(text: str) -> list[str]:
    return re.findall("[^ ]+", text)


KEYS = (
    *_words(r"a b ab A \u0061 \u0041 é É 価格 😀 \ud83d\ude00 / ~ ~1 $ * [0] null true { [ : , ."),
    *_words(r"null, \" \\ :null ,\" a/b \/ \n \u0000 \ud800"),
    *("", " "),
)
CHARACTERS = (
    *"aZ09 {}[]:,'null.;-\x7f\u2028\ufeff\ufffdé価😀",
    *_words(r"null NaN \":null \\ \" \/ \b \f \n \r \t \u00e9 \u0041 \u0000 \u001f \uFFFF"),
    *_words(r"\ud83d\ude00 \ud800 \udc00 \udc00\ud800 \uD800\u0041"),
)
WRONG = ("\n", "\t", "\x00", "\\x", "\\u12", "\\uZZZZ", "\\", '"')
NUMBERS = _words(
    "0 -0 -0.0 0.0 0e0 1e5 1E+5 1e-5 59.90 1.50 1e3 1e99 1e-99 1e308 1e309 1e-400 5e-324"
    " 9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808"
    " -9223372036854775809 18446744073709551615 18446744073709551616 9999999999999999999"
    " 123456789012345678e1 1234567890123456e-3 999999999999999e5 0.123456789012345e9"
    " 0.1234567890123456789 123456789.123456 1234567890123.45 1234567890123.456 12345678901234.5"
    " 0.30000000000000004 4.35 1e22 123456789012345678901234567890"
)
NO_NUMBERS = _words("01 +1 .5 1. 1.e5 0x1 1_0 - 1e 1e+ 00 1.2.3 nan inf NAN")
NOT_FINITE = ("NaN", "Infinity", "-Infinity")

ODD: tuple[tuple[str, str, dict[str, int] | None], ...] = (
    ("{}", "{}", {}),
    ('{"a":null}', "{}", {}),
    ('{"a":null,"b":1}', '{"b":1}', {}),
    ('{"b":1,"a":null}', '{"b":1}', {}),
    ('{"a":[null,{"b":null}]}', '{"a":[null,{"b":null}]}', {}),
    ('{"k":":null","a":null}', '{"k":":null"}', {}),
    ('{":null":1,"a":null}', '{":null":1}', {}),
    ('{"k":[":null"],"a":null}', '{"k":[":null"]}', {}),
    ('{"k":1,":null":2,"a":null}', '{"k":1,":null":2}', {}),
    ('{"a":"x,\\":null,","b":null}', '{"a":"x,\\":null,"}', {}),
    ('{"a":1,"a":2,"b":null}', '{"a":1,"b":null}', None),
    ('{"a":null,"a":2}', "{}", {"duplicate_keys": 1}),
    ('{"a":1,"\\u0061":null}', '{"a":1}', {"duplicate_keys": 1}),
    ('{"x":{"a":1,"a":2}}', '{"x":{"a":1}}', {"duplicate_keys": 1}),
    ('{"x":[{"y":[[{"a":1,"a":2}]]}]}', '{"x":[{"y":[[{"a":1}]]}]}', {"duplicate_keys": 1}),
    ('{"k":[null,":null"],"a":null}', '{"k":[null,":null"]}', {}),
    ('{"k":["[:null"],"a":null}', '{"k":["[:null"]}', {}),
    ('{"a":NaN,"b":[Infinity,1]}', '{"b":[null,1]}', {"not_finite_numbers": 2}),
    ('{"a":"\\ud800x"}', '{"a":"\ufffdx"}', {"lone_surrogates": 1}),
    ('{"a":1,}', "{}", {"malformed_objects": 1}),
    ("[1]", "{}", {"malformed_objects": 1}),
    ("", "{}", {"malformed_objects": 1}),
    ('{"a":1} {"b":2}', "{}", {"malformed_objects": 1}),
    ('{"a":' * 5000 + "1" + "}" * 5000, "{}", {"malformed_objects": 1}),
    ('{"a":' + "[" * 9 + "]" * 9 + "}", '{"a":' + "[" * 9 + "]" * 9 + "}", {}),
)
"""Texts, what they mean, and what is counted; None for a key twice beside nulls, however that is
written."""


@dataclass(frozen=True)
class Writer:
    """Writes JSON objects: mostly plain ones, since most of them are, with `odd` as the share of
    oddities."""

    rng: Random
    odd: float

    def object(self, depth: int = 2) -> str:
        """One object."""
        pairs = [
            f"{self._key()}{self._blank()}:{self._blank()}{self.value(depth)}"
            for _ in range(self.rng.choice((0, 1, 1, 2, 3, 4, 7)))
        ]
        return "{" + self._blank() + f"{self._blank()},{self._blank()}".join(pairs) + "}"

    def value(self, depth: int) -> str:
        """One value; nested ones to a depth."""
        kind = self.rng.choice("sssnnnblo0" if depth else "snb0")
        if kind == "s":
            return self._string()
        if kind == "n":
            return self._number()
        if kind == "b":
            return self.rng.choice(("true", "false"))
        if kind == "l":
            items = [self.value(self._less(depth)) for _ in range(self.rng.randrange(4))]
            return "[" + f",{self._blank()}".join(items) + "]"
        if kind == "o":
            return self.object(depth - 1) if self._is_odd() else "{}"
        return "null" if self._is_odd() else "1"

    def _less(self, depth: int) -> int:
        return depth - 1 if self._is_odd() else 0

    def _key(self) -> str:
        return f'"{self.rng.choice(KEYS if self._is_odd() else KEYS[:3])}"'

    def _string(self) -> str:
        if not self._is_odd():
            return f'"{self.rng.choice(("x", "", "INR", "né"))}"'
        pieces = self.rng.choices(CHARACTERS, k=self.rng.randrange(5))
        return f'"{"".join(pieces)}"'

    def _number(self) -> str:
        if not self._is_odd():
            return self.rng.choice(("1", "-7", "59.9", "1200", "0.25"))
        digits = "".join(self.rng.choices("0123456789", k=self.rng.randrange(1, 24)))
        spelled = str(int(digits))
        if self.rng.random() < 0.5:
            spelled += "." + "".join(self.rng.choices("0123456789", k=self.rng.randrange(1, 20)))
        if self.rng.random() < 0.3:
            spelled += self.rng.choice("eE") + self.rng.choice(("", "+", "-")) + digits[:2]
        sign = self.rng.choice(("", "-"))
        return self.rng.choice((*NOT_FINITE, *self.rng.choices(NUMBERS, k=6), sign + spelled))

    def _blank(self) -> str:
        return self.rng.choice(" \t\n\r") if self.rng.random() < self.odd / 8 else ""

    def _is_odd(self) -> bool:
        return self.rng.random() < self.odd


def texts(seed: int, count: int) -> list[str]:
    """Texts that a column of objects may hold: from plain to malformed."""
    rng = Random(seed)
    written = [Writer(rng, rng.choice((0.0, 0.1, 0.3, 0.8))).object() for _ in range(count)]
    return [_broken(rng, text) if rng.random() < 0.15 else text for text in written]


def _broken(rng: Random, text: str) -> str:
    at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    return rng.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + rng.choice("{}[]:,\" \\0e.-n'") + text[at:],
            text[:at] + rng.choice(WRONG) + text[at:],
            text[:at] + rng.choice(NO_NUMBERS) + text[end:],
            text[:at] + text[end:],
            text[:at] + text[at:end] * 2 + text[end:],
            rng.choice(("", " ", "null", "1", '"x"', "[]", '[{"a":1}]', "true", "{", "x", "NaN")),
            f" {text}\n",
            text[:-1] + ",}",
        )
    )


class _Twins(list[tuple[str, Any]]):
    """The members of an object, twins and all."""


def properties(text: str | None) -> dict[str, Any]:
    """What the product promises to export of a text, each value tagged with its kind."""
    try:
        read = json.loads(
            text or "{}",
            object_pairs_hook=_Twins,
            parse_int=_number,
            parse_float=_number,
            parse_constant=lambda _: ("no number",),
        )
    except ValueError:
        return {}
    if not isinstance(read, _Twins):
        return {}
    return {key: value for key, value in _first(read).items() if value != ("null",)}


def strict(text: str) -> dict[str, Any]:
    """The members of an object that has to be strict JSON without nulls among its members."""
    read = json.loads(
        text,
        object_pairs_hook=_Twins,
        parse_int=_number,
        parse_float=_number,
        parse_constant=_refuse,
    )
    text.encode()
    assert isinstance(read, _Twins), text
    members = _first(read, strict=True)
    assert ("null",) not in members.values(), text
    return members


def value(text: str) -> Any:
    """One JSON value, tagged as those of `properties`."""
    return strict(f'{{"":{text}}}')[""]


def plain(tagged: Any) -> str | tuple[Any, ...]:
    """What the text of a cell has to mean: a text is itself, the rest is the value."""
    text: str = tagged[1]
    return text if tagged[0] == "text" else tagged


def cell(text: str, expected: Any) -> Any:
    """The text of a cell, read as what is expected of it."""
    return text if expected[0] == "text" else value(text)


def as_string(tagged: Any) -> Any:
    """The value with its scalars as text; numbers stay what they are, in their spelling's value."""
    kind, *rest = tagged
    if kind == "list":
        return ("list", tuple(as_string(item) for item in rest[0]))
    if kind == "object":
        return ("object", {key: as_string(item) for key, item in rest[0].items()})
    if kind == "bool":
        return ("text", "true" if rest[0] else "false")
    return tagged


def number_texts(tagged: Any, expected: Any) -> Any:
    """The value with every text as a number where a number is expected."""
    if expected[0] == "number" and tagged[0] == "text":
        return _number(tagged[1])
    if tagged[0] == expected[0] == "list" and len(tagged[1]) == len(expected[1]):
        return ("list", tuple(map(number_texts, tagged[1], expected[1])))
    if tagged[0] == expected[0] == "object" and tagged[1].keys() == expected[1].keys():
        return ("object", {k: number_texts(v, expected[1][k]) for k, v in tagged[1].items()})
    return tagged


def _number(digits: str) -> tuple[str, Decimal | str]:
    try:
        return ("number", Decimal(digits))
    except InvalidOperation:  # Its exponent is beyond any.
        return ("number", digits)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def _first(pairs: _Twins, *, strict: bool = False) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, member in pairs:
        label = _text(key, strict)
        assert not (strict and label in members), f"{label!r} comes twice"
        members.setdefault(label, _tagged(member, strict))
    return {key: member for key, member in members.items() if member != ("no number",)}


def _tagged(read: Any, strict: bool) -> Any:
    if isinstance(read, _Twins):
        return ("object", _first(read, strict=strict))
    if isinstance(read, tuple):
        return read
    if isinstance(read, list):
        items = (_tagged(item, strict) for item in read)
        return ("list", tuple(("null",) if item == ("no number",) else item for item in items))
    if isinstance(read, str):
        return ("text", _text(read, strict))
    return ("null",) if read is None else ("bool", read)


def _text(text: str, strict: bool) -> str:
    mended = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert not (strict and mended != text), f"{text!r} has a lone surrogate"
    return mended


def relabelled(
    members: Mapping[str, Any], columns: list[tuple[str, tuple[str, ...]]]
) -> dict[str, Any]:
    """The members under the labels of the columns: of several sources the first present."""
    found = {
        label: next((members[source] for source in sources if source in members), None)
        for label, sources in columns
    }
    return {label: member for label, member in found.items() if member is not None}
