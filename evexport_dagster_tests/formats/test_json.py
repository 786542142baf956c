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
from evexport_dagster.strict_json import read_members
from evexport_dagster_tests.formats.heads import head

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
    return duckdb.connect()


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@RELAXED
@given(st.lists(st.tuples(NAMES, st.none() | st.text()), min_size=1, max_size=4), NAMES)
def test_a_record_holds_the_cells_that_have_a_value(
    con: duckdb.DuckDBPyConnection, cells: list[tuple[str, str | None]], label: str
) -> None:
    con.register("one", pa.table({f"c{n}": [text] for n, (_, text) in enumerate(cells)}))
    made = tuple(text_cell(name, f"c{n}::VARCHAR") for n, (name, _) in enumerate(cells))
    piece = JSON.group(Group("identity", made))
    ((text,),) = con.execute(f"SELECT {piece} FROM one").fetchall()
    text = f"{'7'.join(head(JSON, label))}{text}{JSON.end}"
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
@example([{"a": {"c": [{"d": 1}]}, "b": 'x",\\', "e": ""}], {"b": "f", "a": "g"}, True)
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
    texts = [compact(row) for row in rows]
    found = rendered(con, texts, EventColumns(made, listed=False), proved=proved)
    for row, text in zip(rows, found, strict=True):
        label = {name: column.label for column in made for name in column.sources}
        expected = {}
        for name in row:
            column = next(it for it in made if it.label == label[name])
            expected[column.label] = next(row[it] for it in column.sources if it in row)
        assert text == f'"eventProps":{compact(expected)}'


def rendered(
    con: duckdb.DuckDBPyConnection,
    texts: list[str],
    columns: EventColumns,
    *,
    proved: bool = True,
) -> list[str]:
    """The pieces that SQL makes of objects, and Python of those that are left to it."""
    con.register("rows", pa.table({"n": range(len(texts)), "props": pa.array(texts, pa.string())}))
    exact = "false" if proved else "true"
    piece = JSON.properties(columns, "props", "NULL")
    apart = JSON.apart(columns, ObjectColumn("props", exact))
    found = con.execute(f"SELECT {apart}, {piece} FROM rows ORDER BY n").fetchall()
    return [
        JSON.piece(read_members(text)[0], columns) if is_apart else made
        for text, (is_apart, made) in zip(texts, found, strict=True)
    ]


def test_what_no_column_names_is_left_out() -> None:
    columns = EventColumns((Column("a", ("a",)),), listed=False)
    members, _ = read_members('{"b":1,"a":0.10,"c":2}')
    assert JSON.piece(members, columns) == '"eventProps":{"a":0.10}'


def test_a_simple_rename_is_left_to_sql(con: duckdb.DuckDBPyConnection) -> None:
    columns = EventColumns((Column("x", ("a",)), Column("b", ("b",))), listed=False)
    texts = {
        '{"a":1,"b":"a"}': False,
        '{"b":"\\"","a":1}': False,
        '{"b":[{"c":{"d":1}}],"a":1}': False,
        '{"b":[{"c":{"a":1}}],"a":1}': True,
        '{"b":{"c":"\\""}}': True,
        '{"\\u0061":1}': True,
    }
    con.register("rows", pa.table({"n": range(len(texts)), "props": [*texts]}))
    apart = JSON.apart(columns, ObjectColumn("props", "false"))
    found = con.execute(f"SELECT {apart} FROM rows ORDER BY n").fetchall()
    assert [is_apart for (is_apart,) in found] == [*texts.values()]
    as_in_source = EventColumns((Column("a", ("a",)),), listed=False)
    assert JSON.apart(as_in_source, ObjectColumn("props", "exact")) == "false"


@pytest.mark.parametrize(
    "text",
    [
        '{"b":"\\u00e9"}',
        '{"b":"\\/\\n"}',
        '{"b":{"a":"\\\\"}}',
        '{"b":{"a":1e3}}',
        '{"b":{"c":"\\t"},"d":""}',
    ],
)
def test_spelling_does_not_depend_on_whether_a_renamed_property_was_seen_yet(
    con: duckdb.DuckDBPyConnection, text: str
) -> None:
    before = EventColumns((Column("b", ("b",)),), listed=False, renames=True)
    after = EventColumns((Column("b", ("b",)), Column("x", ("a",))), listed=False, renames=True)
    assert rendered(con, [text], before) == rendered(con, [text], after)


def test_listed_columns_keep_their_order(con: duckdb.DuckDBPyConnection) -> None:
    columns = EventColumns((Column("y", ("c",)), Column("x", ("a", "b"))), listed=True)
    piece = JSON.properties(columns, "w", "['3', NULL, '[1]']")
    assert con.execute(f"SELECT {piece}").fetchall() == [('"eventProps":{"y":3,"x":[1]}',)]


@RELAXED
@given(st.integers(0, 50), st.lists(st.integers(0, 400)))
def test_records_are_counted_however_the_file_is_cut(records: int, cuts: list[int]) -> None:
    text = b'{"a":"\\n"}\n' * records
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    assert JSON.count(text[start:end] for start, end in pairwise(places)) == records
    assert JSON.header(["a"]) + JSON.footer() == b""
