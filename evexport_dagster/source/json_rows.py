"""Rows of JSON files, member by member, as they are spelled in the file."""

from __future__ import annotations

import json
import re

import duckdb
import pyarrow as pa
from duckdb import sqltypes
from duckdb.func import FunctionNullHandling, PythonUDFType


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make `json_row_texts(row, keys)` callable from SQL: a VARCHAR[] in the order of the keys."""

    def json_row_texts(text: pa.ChunkedArray, keys: pa.ChunkedArray) -> pa.Array:
        rows = map(row_texts, text.to_pylist(), keys.to_pylist())
        return pa.array(rows, pa.list_(pa.string()))

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

    Nested values are not looked into, so that what is odd about them is still there to count.
    """
    members = _raw_members(text or "{}")
    return [members.get(key) for key in json.loads(keys)]


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_BLANKS = re.compile(r"[ \t\n\r]*")


def _raw_members(text: str) -> dict[str, str | None]:
    members: dict[str, str | None] = {}
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] == '"':
        key, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        value, end = _DECODER.raw_decode(text, start)
        raw = value if text[start] == '"' else text[start:end]
        members.setdefault(key, None if value is None else raw)
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at
    return members


def _skip(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at
