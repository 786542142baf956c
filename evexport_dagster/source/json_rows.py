"""Rows of JSON files, member by member, as they are spelled in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

import duckdb
import pyarrow as pa
from duckdb import sqltypes
from duckdb.func import FunctionNullHandling, PythonUDFType


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make `json_row_texts(row, keys)` callable from SQL: a VARCHAR[] in the order of the keys.

    Functions belong to the DuckDB instance: one call serves every connection to it.
    """

    def json_row_texts(text: pa.ChunkedArray, keys: pa.ChunkedArray) -> pa.Array:
        rows = map(row_texts, text.to_pylist(), keys.to_pylist())
        return pa.array(rows, pa.list_(pa.string()))

    # A connection refuses a second function of one name; its cursors find the first one there.
    with suppress(duckdb.NotImplementedException, duckdb.CatalogException):
        con.create_function(
            "json_row_texts",
            json_row_texts,
            [sqltypes.VARCHAR, sqltypes.VARCHAR],
            con.dtype("VARCHAR[]"),
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def row_texts(text: str | None, keys: str) -> list[str | None]:
    """The members of a row of a JSON file: text unquoted, null None, the rest as it is spelled.

    Nested values are not looked into, so that what is odd about them is still there to count. Of
    a row that breaks off, or goes wrong, the members before count; what is no object has none.
    """
    members = _raw_members(text or "")
    return [members.get(key) for key in _list(keys)]


def row_keys(text: str) -> tuple[str, ...]:
    """The names of the members that a row has."""
    return tuple(_raw_members(text))


def flat(text: str) -> str:
    """The row as a JSON object of its scalar members alone, each as it is spelled."""
    scalars = (
        f"{json.dumps(key)}:{text[start:end]}"
        for key, start, end, _ in _members(text)
        if text[start] not in "{["
    )
    return f"{{{','.join(scalars)}}}"


def is_closed(text: str) -> bool:
    """Whether the text holds all of the object that it begins with."""
    return _nested_end(text, 0) is not None


@lru_cache(maxsize=64)
def _list(text: str) -> list[str]:
    loaded: list[str] = json.loads(text)
    return loaded


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)
_BLANKS = r"[ \t\n\r]*"
_OPENING, _COLON, _COMMA = (re.compile(f"{_BLANKS}{mark}{_BLANKS}") for mark in (r"\{", ":", ","))
_PLAIN_STRING = re.compile('"([^"\\\\\ud800-\udfff]*)"')
_PLAIN_KEY = re.compile(f"{_PLAIN_STRING.pattern}{_BLANKS}:{_BLANKS}")
_BARE = re.compile(r"[^\s,:\[\]{}\"]+")
_BRACKET_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _raw_members(text: str) -> dict[str, str | None]:
    members: dict[str, str | None] = {}
    for key, _, _, value in _members(text):
        members.setdefault(key, value)
    return members


def _members(text: str) -> Iterator[tuple[str, int, int, str | None]]:
    """(key, start, end, value) of each member, as far as the row can be read."""
    mark = _OPENING.match(text)
    while mark:
        try:
            if plain := _PLAIN_KEY.match(text, mark.end()):
                key, at = plain[1], plain.end()
            else:
                key, end = _DECODER.raw_decode(text, mark.end())
                colon = _COLON.match(text, end)
                if colon is None or not isinstance(key, str):
                    return
                key, at = _mended(key), colon.end()
            value, end = _raw_value(text, at)
        except ValueError:
            return
        yield key, at, end, value
        mark = _COMMA.match(text, end)


def _raw_value(text: str, start: int) -> tuple[str | None, int]:
    """A value and its end; nested values that cannot be read reach to where their brackets close,
    or to the end. Raises ValueError for a string without an end, and where there is no value."""
    if plain := _PLAIN_STRING.match(text, start):
        return plain[1], plain.end()
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        if text[start : start + 1] in ("{", "["):
            nested_end = _nested_end(text, start) or len(text)
            return text[start:nested_end], nested_end
        if bare := _BARE.match(text, start):
            return None, bare.end()
        raise ValueError("no value") from None
    if text[start] == '"':
        return _mended(value), end
    return None if value is None else text[start:end], end


def _nested_end(text: str, start: int) -> int | None:
    depth = 0
    for token in _BRACKET_OR_STRING.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth <= 0:
            return token.end()
    return None


def _mended(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)
