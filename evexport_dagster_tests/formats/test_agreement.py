"""Whatever SQL may render of an event's properties, Python renders the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import Column, EventColumns
from evexport_dagster.formats import FORMATS, LineFormat, ValueFormat
from evexport_dagster.formats.cells import ObjectColumn, picked_fast, sources_in_order
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster.strict_json import read_members

OF_LINES = [it for it in FORMATS.values() if not isinstance(it, ValueFormat)]
RELAXED = settings(deadline=None, max_examples=60)
NAMES = st.sampled_from(
    [
        *("a", "b", "c", "A", "", " ", ",", ":", ":x", "{", "}", "[0]", '"', "\\", "'", "/"),
        *("~1", "$.*", "\n", "é", "😀", "null", "&<", "]]>"),
    ]
)
TEXTS = NAMES | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)
NUMBERS = st.integers(-(10**17), 10**17) | st.integers(-999, 999).map(lambda it: it + 0.5)
VALUES = st.recursive(
    st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner | st.none(), max_size=2) | st.dictionaries(NAMES, inner),
    max_leaves=4,
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def chosen(names: Sequence[str], renames: Mapping[str, str], *, listed: bool) -> EventColumns:
    sources: dict[str, list[str]] = {}
    for name in names:
        sources.setdefault(renames.get(name, name), []).append(name)
    return EventColumns(tuple(Column(it, tuple(of)) for it, of in sources.items()), listed)


@pytest.mark.parametrize("format_", [CsvFormat(), JsonFormat()], ids=lambda it: it.name)
@RELAXED
@given(ROWS, st.dictionaries(NAMES, NAMES, max_size=3), st.booleans(), st.sets(NAMES, max_size=1))
@example([{"a": 1, "b": ',"a":'}], {"a": "c"}, False, set())
@example([{"b": 1, "a": 2}, {"a": 2}, {"b": 1}], {"b": "a"}, False, set())
@example([{"b": 1, "a": 2}], {"b": "a", "a": "b"}, True, set())
@example([{"a": "\n\r", "b": 1}], {}, True, {"a"})
@example([{"a": [1.5, {"a": None}], "b": {"b": "é"}}], {}, True, set())
def test_both_make_the_same_piece(
    con: duckdb.DuckDBPyConnection,
    format_: LineFormat,
    rows: list[dict[str, Any]],
    renames: dict[str, str],
    listed: bool,
    left_out: set[str],
) -> None:
    names = dict.fromkeys(name for row in rows for name in sorted(row))
    columns = chosen([it for it in names if it not in left_out], renames, listed=listed)
    texts = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    for text, made in zip(texts, rendered(con, format_, texts, columns), strict=True):
        if not columns.listed and not json.loads(text).keys() <= columns.sources:
            continue
        assert made in (None, format_.piece(read_members(text)[0], columns))


def rendered(
    con: duckdb.DuckDBPyConnection,
    format_: LineFormat,
    texts: Sequence[str],
    columns: EventColumns,
) -> list[str | None]:
    """The pieces that SQL makes of objects, None where it leaves one to Python."""
    con.register("rows", pa.table({"n": range(len(texts)), "w": pa.array(texts, pa.string())}))
    sources = sources_in_order(columns.columns)
    picked = "NULL::VARCHAR[]"
    if sources and format_.needs_picked(columns):
        picked = picked_fast("w", sources, as_json=format_.picks_json)
    apart = format_.apart(columns, ObjectColumn("w", "false"))
    piece = format_.properties(columns, "w", "picked") or "''"
    found = con.execute(
        f"""
        SELECT CASE WHEN NOT ({apart}) THEN {piece} END
        FROM (SELECT *, {picked} AS picked FROM rows) ORDER BY n
        """
    ).fetchall()
    return [made for (made,) in found]


@pytest.mark.parametrize("format_", OF_LINES, ids=lambda it: it.name)
def test_what_is_not_proved_is_left_to_python(
    con: duckdb.DuckDBPyConnection, format_: LineFormat
) -> None:
    for listed in (True, False):
        columns = chosen(["a", "b"], {"a": "x"}, listed=listed)
        apart = format_.apart(columns, ObjectColumn("w", "exact"))
        ((is_apart,),) = con.execute(
            f"SELECT {apart} FROM (SELECT '{{\"a\":1}}' AS w, true AS exact)"
        ).fetchall()
        assert is_apart
