"""The exact path: JSON objects read and written token by token, so that no digit is lost.

DuckDB's JSON functions are fast and respell numbers, keep explicit nulls and duplicate keys,
and accept more than JSON. Rows that `guards` cannot prove harmless come here, through DuckDB
functions over Arrow arrays. A number stays the text that the source wrote.

Rules (product contract, "Values"): a null, NaN or infinite property is missing; of duplicate
keys the first counts; a lone surrogate becomes U+FFFD; what is not an object has no properties.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import sqltypes
from duckdb.func import FunctionNullHandling, PythonUDFType

MALFORMED = "malformed_objects"
NOT_FINITE = "not_finite_numbers"
DUPLICATE = "duplicate_keys"
SURROGATE = "lone_surrogates"


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
    reader = _Reader()
    try:
        value = reader.read(text)
    except (ValueError, RecursionError):
        return {}, Counter({MALFORMED: 1})
    if not isinstance(value, dict):
        return {}, Counter({MALFORMED: 1})
    members = {key: member for key, member in value.items() if member is not None}
    return members, +reader.odd


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


def clean(text: str | None) -> dict[str, str | None]:
    """The object as compact strict JSON without null members, and its oddities as JSON."""
    return _cleaned(text, lambda members: members)


def clean_as_string(text: str | None) -> dict[str, str | None]:
    """`clean`, with every scalar as text."""
    return _cleaned(text, stringified)


class _DuplicateKeyError(Exception):
    """An object has a key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _DuplicateKeyError
    return members


_UNIQUE = json.JSONDecoder(object_pairs_hook=_unique)


def clean_unless_unique(text: str) -> dict[str, str | None]:
    """`clean` for a compact text without long numbers, NaN or lone surrogates: one that is valid,
    without duplicate keys and null members, comes back as it is."""
    try:
        untouched = None not in _UNIQUE.decode(text).values()
    except (_DuplicateKeyError, ValueError, RecursionError):
        untouched = False
    return {"text": text, "odd": None} if untouched else clean(text)


def _cleaned(text: str | None, change: Callable[[Any], Any]) -> dict[str, str | None]:
    if text is None:
        return {"text": "{}", "odd": None}
    members, odd = read_members(text)
    return {"text": write(change(members)), "odd": json.dumps(odd, sort_keys=True) if odd else None}


@lru_cache(maxsize=4096)
def _list(text: str) -> list[Any]:
    loaded: list[Any] = json.loads(text)
    return loaded


def values(text: str | None, keys: str) -> list[str | None]:
    """The members named by the JSON list `keys`, each as JSON text, missing ones None."""
    members, _ = read_members(text or "{}")
    return [write(members[key]) if key in members else None for key in _list(keys)]


def texts(text: str | None, keys: str) -> list[str | None]:
    """The members named by the JSON list `keys`, each as the text of a CSV cell."""
    members, _ = read_members(text or "{}")
    return [as_text(members[key]) if key in members else None for key in _list(keys)]


def relabel(text: str | None, columns: str) -> str:
    """The object with its members renamed and merged, in its own order, as compact JSON.

    `columns` is a JSON list of `[label, source, ...]`. A member that no column names is left
    out; of several sources of a column the first present counts.
    """
    members, _ = read_members(text or "{}")
    value_of: dict[str, Any] = {}
    for label, *sources in _list(columns):
        present = next((source for source in sources if source in members), None)
        if present is not None:
            value_of[label] = members[present]
    label_of = _labels(columns)
    ordered = dict.fromkeys(label_of[key] for key in members if key in label_of)
    return write({label: value_of[label] for label in ordered})


@lru_cache(maxsize=4096)
def _labels(columns: str) -> dict[str, str]:
    return {source: label for label, *sources in _list(columns) for source in sources}


_CLEANED = pa.struct([("text", pa.string()), ("odd", pa.string())])
_CLEANED_SQL = "STRUCT(text VARCHAR, odd VARCHAR)"
_STRINGS = pa.list_(pa.string())


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make the exact path callable from SQL: `exact_object(text)` and its kin."""

    def object_(text: pa.ChunkedArray) -> pa.Array:
        return pa.array(map(clean, text.to_pylist()), _CLEANED)

    def as_string(text: pa.ChunkedArray) -> pa.Array:
        return pa.array(map(clean_as_string, text.to_pylist()), _CLEANED)

    def unless_unique(text: pa.ChunkedArray) -> pa.Array:
        return pa.array(map(clean_unless_unique, text.to_pylist()), _CLEANED)

    def values_(text: pa.ChunkedArray, keys: pa.ChunkedArray) -> pa.Array:
        return pa.array(map(values, text.to_pylist(), keys.to_pylist()), _STRINGS)

    def texts_(text: pa.ChunkedArray, keys: pa.ChunkedArray) -> pa.Array:
        return pa.array(map(texts, text.to_pylist(), keys.to_pylist()), _STRINGS)

    def relabel_(text: pa.ChunkedArray, columns: pa.ChunkedArray) -> pa.Array:
        return pa.array(map(relabel, text.to_pylist(), columns.to_pylist()), pa.string())

    _register(con, "exact_object", object_, 1, _CLEANED_SQL)
    _register(con, "exact_as_string", as_string, 1, _CLEANED_SQL)
    _register(con, "exact_unless_unique", unless_unique, 1, _CLEANED_SQL)
    _register(con, "exact_values", values_, 2, "VARCHAR[]")
    _register(con, "exact_texts", texts_, 2, "VARCHAR[]")
    _register(con, "exact_relabel", relabel_, 2, "VARCHAR")


def _register(
    con: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[..., pa.Array],
    arity: int,
    returns: str,
) -> None:
    con.create_function(
        name,
        function,
        [sqltypes.VARCHAR] * arity,
        con.dtype(returns),
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
