"""JSON: objects of the values that are there, under their labels."""

from __future__ import annotations

import json
from itertools import pairwise

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import Column, EventColumns
from evexport_dagster.formats.cells import Cell, Group, text_cell
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster_tests.formats.heads import head, properties

RELAXED = settings(deadline=None, max_examples=60)
JSON = JsonFormat()
HOSTILE = st.sampled_from(["a", "b", "", ",", ":", "{", "}", "[", '"', "\\", "'", ":1,", ":x", "é"])
NAMES = HOSTILE | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
ROWS = st.lists(
    st.dictionaries(NAMES, VALUES.filter(lambda it: it is not None), max_size=4), min_size=1
)


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
@given(ROWS, st.dictionaries(NAMES, NAMES, max_size=3), st.booleans(), st.sets(NAMES, max_size=2))
@example([{"{": 1, ":x": 2}], {":x": "y"}, False, set())
@example([{"a": {"b": 1}, "b": 2}], {"b": "c"}, False, set())
@example([{"a": [{"b": 1}], "b": ',"b":'}], {"b": "c"}, False, {"a"})
@example([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 3}], {"b": "a", "a": "b"}, False, set())
@example([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 3}], {"b": "a"}, True, set())
@example([{"a": 1, "b": 2}], {"b": 'x"\\'}, False, set())
@example([{"a": 1}, {}, {"b": [1.5, None, {"": "\\"}]}], {}, False, {"a", "b"})
def test_an_object_has_what_is_exported_under_its_labels(
    rows: list[dict[str, object]], renames: dict[str, str], listed: bool, left_out: set[str]
) -> None:
    names = [it for it in dict.fromkeys(name for row in rows for name in row) if it not in left_out]
    sources: dict[str, list[str]] = {}
    for name in names:
        sources.setdefault(renames.get(name, name), []).append(name)
    made = tuple(Column(label, tuple(of)) for label, of in sources.items())
    found = properties(JSON, [compact(row) for row in rows], EventColumns(made, listed))
    for row, text in zip(rows, found, strict=True):
        values = {
            column.label: next(row[it] for it in column.sources if it in row)
            for column in made
            if row.keys() & column.sources
        }
        own_order = dict.fromkeys(renames.get(name, name) for name in row if name in names)
        labels = values if listed else own_order
        assert text == f'"eventProps":{compact({it: values[it] for it in labels})}'


def test_an_object_that_is_exported_whole_is_not_touched() -> None:
    columns = EventColumns((Column("b", ("b",)), Column("é", ("é",))), listed=False)
    text = r'{"\u00e9":"\/\u00e9","b":[1e400,0.10,-0,{"c":"\n"}]}'
    assert properties(JSON, [text], columns) == [f'"eventProps":{text}']


@pytest.mark.parametrize("listed", [True, False])
def test_values_are_spelled_as_in_the_source(listed: bool) -> None:
    columns = EventColumns((Column("x", ("a",)), Column("y", ("b",))), listed)
    text = r'{"a":0.1234567890123456789,"c":1,"b":["\u00e9",-1E+5]}'
    expected = r'"eventProps":{"x":0.1234567890123456789,"y":["\u00e9",-1E+5]}'
    assert properties(JSON, [text], columns) == [expected]


@RELAXED
@given(st.integers(0, 50), st.lists(st.integers(0, 400)))
def test_records_are_counted_however_the_file_is_cut(records: int, cuts: list[int]) -> None:
    text = b'{"a":"\\n"}\n' * records
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    assert JSON.count(text[start:end] for start, end in pairwise(places)) == records
    assert JSON.header(["a"]) + JSON.footer() == b""
