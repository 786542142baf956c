"""JSON: objects of the cells that are there, and renames that touch nothing but keys."""

from __future__ import annotations

import json
from itertools import pairwise

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import Column, EventColumns
from evexport_dagster.formats.cells import Cell, Group, ObjectColumn, text_cell
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster.query import exact

RELAXED = settings(deadline=None, max_examples=60)
JSON = JsonFormat()
HOSTILE = st.sampled_from(["a", "b", "", ",", ":", "{", "}", "[", '"', "\\", "'", ":1,", ":x", "é"])
NAMES = HOSTILE | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES.filter(lambda it: it is not None), max_size=4))


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    exact.register(con)
    return con


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@RELAXED
@given(st.lists(st.tuples(NAMES, st.none() | st.text()), min_size=1, max_size=4), NAMES)
def test_a_record_holds_the_cells_that_have_a_value(
    con: duckdb.DuckDBPyConnection, cells: list[tuple[str, str | None]], label: str
) -> None:
    con.register("one", pa.table({f"c{n}": [text] for n, (_, text) in enumerate(cells)}))
    made = tuple(text_cell(name, f"c{n}::VARCHAR") for n, (name, _) in enumerate(cells))
    line = JSON.record(label, "'7'", [JSON.group(Group("identity", made))])
    ((text,),) = con.execute(f"SELECT {line} FROM one").fetchall()
    assert text.count("\n") == 1
    assert json.loads(text, object_pairs_hook=list) == [
        ("eventName", label),
        ("eventTime", "7"),
        ("identity", [(name, value) for name, value in cells if value is not None]),
    ]


def test_a_group_with_nothing_in_it_is_empty(con: duckdb.DuckDBPyConnection) -> None:
    piece = JSON.group(Group("profile", (Cell("Email", "NULL", "NULL"),)))
    assert con.execute(f"SELECT {piece}").fetchall() == [('"profile":{}',)]


@RELAXED
@given(ROWS, st.dictionaries(NAMES, NAMES, max_size=3), st.booleans())
@example([{"{": 1, ":x": 2}], {":x": "y"}, True)
@example([{"{": 1, ":1,": 2}], {":1,": "y"}, True)
@example([{"a": {"b": 1}, "b": 2}], {"b": "c"}, True)
@example([{"a": [{"b": 1}], "b": ',"b":'}], {"b": "c"}, True)
@example([{"a": 1, "b": 2}], {"b": "a", "a": "b"}, True)
@example([{"a": 1, "b": 2}], {"b": 'x"\\'}, True)
def test_renames_change_keys_and_nothing_else(
    con: duckdb.DuckDBPyConnection,
    rows: list[dict[str, object]],
    renames: dict[str, str],
    proved: bool,
) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    sources: dict[str, list[str]] = {}
    for name in names:
        sources.setdefault(renames.get(name, name), []).append(name)
    made = tuple(Column(label, tuple(of)) for label, of in sources.items())
    piece = JSON.properties(
        EventColumns(made, listed=False), ObjectColumn("props", "exact"), "NULL", as_is=True
    )
    count = len(rows)
    props = pa.array([compact(row) for row in rows], pa.string())
    con.register(
        "rows", pa.table({"n": range(count), "props": props, "exact": [not proved] * count})
    )
    found = con.execute(f"SELECT {piece} FROM rows ORDER BY n").fetchall()
    for row, (text,) in zip(rows, found, strict=True):
        label = {name: column.label for column in made for name in column.sources}
        expected = {}
        for name in row:
            column = next(it for it in made if it.label == label[name])
            expected[column.label] = next(row[it] for it in column.sources if it in row)
        assert text == f'"eventProps":{compact(expected)}'


def test_what_no_column_names_is_left_out(con: duckdb.DuckDBPyConnection) -> None:
    columns = EventColumns((Column("a", ("a",)),), listed=False)
    whole = ObjectColumn("""'{"b":1,"a":0.10,"c":2}'""", "false")
    piece = JSON.properties(columns, whole, "NULL", as_is=False)
    assert con.execute(f"SELECT {piece}").fetchall() == [('"eventProps":{"a":0.10}',)]


def test_listed_columns_keep_their_order(con: duckdb.DuckDBPyConnection) -> None:
    columns = EventColumns((Column("y", ("c",)), Column("x", ("a", "b"))), listed=True)
    piece = JSON.properties(columns, ObjectColumn("w", "e"), "['3', NULL, '[1]']", as_is=True)
    assert con.execute(f"SELECT {piece}").fetchall() == [('"eventProps":{"y":3,"x":[1]}',)]


@RELAXED
@given(st.integers(0, 50), st.lists(st.integers(0, 400)))
def test_records_are_counted_however_the_file_is_cut(records: int, cuts: list[int]) -> None:
    text = b'{"a":"\\n"}\n' * records
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    assert JSON.count(text[start:end] for start, end in pairwise(places)) == records
    assert JSON.header(["a"]) + JSON.footer() == b""
