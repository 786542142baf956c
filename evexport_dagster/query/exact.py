"""The exact path as DuckDB functions: objects that `guards` cannot prove harmless.

The functions take and give Arrow arrays, so that DuckDB calls them once for many rows.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb import sqltypes
from duckdb.func import FunctionNullHandling, PythonUDFType

from evexport_dagster.compiled.numbers import booleans
from evexport_dagster.compiled.objects import CLEAN, have_a_key_twice, look_at
from evexport_dagster.compiled.spans import spans
from evexport_dagster.query.prove import SEED
from evexport_dagster.strict_json import (
    BESIDE_MALFORMED,
    MALFORMED,
    Cleaned,
    as_text,
    clean,
    clean_as_string,
    clean_unless_unique,
    read_members,
    write,
)


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


def joined(text: str | None, other: str | None, prefix: str) -> str | None:
    """An object with the members of another one behind its own, a prefix before each key. What is
    malformed has none; the object itself is counted as such when it is read."""
    members = _prefixed(other or "{}", prefix)
    if not members:
        return text
    own = (text or "{}").strip(_BLANKS)
    if read_members(own)[1][MALFORMED]:
        return f"{BESIDE_MALFORMED}{{{members}}}"
    inner = own[1:-1].strip(_BLANKS)
    return f"{{{inner},{members}}}" if inner else f"{{{members}}}"


@lru_cache(maxsize=4096)
def _prefixed(text: str, prefix: str) -> str:
    """The members of an object as they stand within one, with a prefix before each key."""
    members, _ = read_members(text)
    return write({prefix + key: value for key, value in members.items()})[1:-1]


_BLANKS = " \t\n\r"


def string_array(texts: Sequence[str | None]) -> pa.Array:
    """A large_string array. `pyarrow.array` would import pandas, which takes seconds."""
    encoded = [b"" if text is None else text.encode() for text in texts]
    offsets = array("q", accumulate(map(len, encoded), initial=0))
    present = "".join("01"[text is not None] for text in reversed(texts)) or "0"
    return pa.LargeStringArray.from_buffers(
        len(encoded),
        pa.py_buffer(offsets),
        pa.py_buffer(b"".join(encoded)),
        pa.py_buffer(int(present, 2).to_bytes(len(encoded) // 8 + 1, "little")),
    )


_CLEANED_SQL = "STRUCT(text VARCHAR, odd VARCHAR)"


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make the exact path callable from SQL: `exact_object(text)` and its kin."""

    def cleaned(function: Callable[[str], Cleaned]) -> Callable[..., pa.Array]:
        return lambda texts: _cleaned_array([function(text) for text in texts.to_pylist()])

    def listed(function: Callable[[str, str], list[str | None]]) -> Callable[..., pa.Array]:
        return lambda texts, keys: _list_array(
            [function(*both) for both in zip(texts.to_pylist(), keys.to_pylist(), strict=True)]
        )

    def texts_of(function: Callable[..., str | None], *columns: pa.Array) -> pa.Array:
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return string_array([function(*row) for row in rows])

    _register(con, "are_clean", _are_clean, 1, "BOOLEAN")
    _register(con, "exact_joined", lambda a, b, c: texts_of(joined, a, b, c), 3, "VARCHAR")
    _register(con, "exact_object", cleaned(clean), 1, _CLEANED_SQL)
    _register(con, "exact_as_string", cleaned(clean_as_string), 1, _CLEANED_SQL)
    _register(con, "exact_unless_unique", cleaned(clean_unless_unique), 1, _CLEANED_SQL)
    _register(con, "exact_values", listed(values), 2, "VARCHAR[]")
    _register(con, "exact_texts", listed(texts), 2, "VARCHAR[]")


def _are_clean(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Which texts are strict, compact objects without null members, and without a key twice."""
    found = spans(texts)
    ways, _ = look_at(found.addresses, found.lengths, SEED)
    clean = np.flatnonzero(ways == CLEAN)
    is_clean = ways == CLEAN
    is_clean[clean] = ~have_a_key_twice(found.take(clean))
    return booleans(is_clean)


def _cleaned_array(cleaned: Sequence[Cleaned]) -> pa.Array:
    columns = {
        "text": string_array([it.text for it in cleaned]),
        "odd": string_array(
            [json.dumps(it.odd, sort_keys=True) if it.odd else None for it in cleaned]
        ),
    }
    return pa.StructArray.from_arrays(columns.values(), columns.keys())


def _list_array(lists: Sequence[list[str | None]]) -> pa.Array:
    offsets = array("i", accumulate(map(len, lists), initial=0))
    return pa.ListArray.from_buffers(
        pa.list_(pa.large_string()),
        len(lists),
        [None, pa.py_buffer(offsets)],
        children=[string_array([text for texts in lists for text in texts])],
    )


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
