"""CSV: what is quoted and what is missing, and counting records in any pieces."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import Column, EventColumns
from evexport_dagster.formats.cells import Cell, Group
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster_tests.formats.heads import head, properties

RELAXED = settings(deadline=None, max_examples=25)
CSV = CsvFormat()
CELLS = st.none() | st.text(st.sampled_from("\",\n\r \t;'a価😀\x00\\"), max_size=5) | st.text()
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def rendered(con: duckdb.DuckDBPyConnection, rows: list[tuple[str | None, ...]]) -> list[str]:
    names = ["a", "b", "c"]
    columns = zip(*rows, strict=True)
    table = pa.table([pa.array(it, pa.string()) for it in columns], [*names])
    con.register("cells", table.append_column("n", pa.array(range(len(rows)))))
    group = CSV.group(Group("identity", tuple(Cell(it, "never", it) for it in names)))
    start = "1".join(head(CSV, 'Added, "to"'))
    found = con.execute(f"SELECT {group} FROM cells ORDER BY n").fetchall()
    return [f"{start}{text}{CSV.end}" for (text,) in found]


def by_rfc_4180(value: str | None) -> str:
    if value is None:
        return ""
    plain = value and not set(',"\n\r') & set(value)
    return value if plain else '"' + value.replace('"', '""') + '"'


@RELAXED
@given(ROWS)
@example([("", None, "a"), ('"', ",", "\r"), ("\n", '""', " ")])
def test_cells_are_quoted_where_needed_and_missing_ones_are_blank(
    con: duckdb.DuckDBPyConnection, rows: list[tuple[str | None, ...]]
) -> None:
    lines = rendered(con, rows)
    start = '"Added, ""to""",1,'
    assert lines == [start + ",".join(map(by_rfc_4180, row)) + "\n" for row in rows]
    if not any("\0" in line for line in lines):
        read = list(csv.reader(io.StringIO("".join(lines), newline=""), strict=True))
        assert read == [['Added, "to"', "1", *(cell or "" for cell in row)] for row in rows]


@RELAXED
@given(ROWS, st.lists(st.integers(0, 4000)))
def test_records_are_counted_however_the_file_is_cut(
    con: duckdb.DuckDBPyConnection, rows: list[tuple[str | None, ...]], cuts: list[int]
) -> None:
    text = CSV.header(["eventName", 'a\n"b', "c", "d", ""]) + "".join(rendered(con, rows)).encode()
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    assert CSV.count(text[start:end] for start, end in pairwise(places)) == len(rows)
    assert CSV.count([text[n : n + 1] for n in range(len(text))]) == len(rows)


def test_a_header_alone_has_no_records() -> None:
    assert CSV.count([CSV.header(["a", "b"])]) == 0


def test_labels_are_quoted_like_cells() -> None:
    labels = ["eventName", "a,b", 'say "x"', "", "é"]
    assert CSV.header(labels).decode() == 'eventName,"a,b","say ""x""","",é\n'


def test_nul_is_replaced_and_counted() -> None:
    assert CSV.scrubbed(memoryview(b"a\0,\0\n")) == ("a\ufffd,\ufffd\n".encode(), 2)
    assert CSV.scrubbed(memoryview(b"a,b\n")) == (b"a,b\n", 0)


def test_an_event_without_columns_has_no_piece() -> None:
    assert not CSV.properties({"a": 0}, EventColumns((), listed=False))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    ("members", "cells"),
    [
        ("{}", ",,"),
        ('{"a":"","b":"x","c":"y,z"}', '"",x,"y,z"'),
        ('{"b":1.50,"e":"never"}', ",1.50,"),
        ('{"c":[1.0,"a"],"a":{"k":null}}', '"{""k"":null}",,"[1.0,""a""]"'),
        ('{"d":true,"a":false,"b":"a\\nb"}', 'false,"a\nb",true'),
        ('{"d":1,"c":2,"a":[],"b":"\\u00e9\\ud83d\\ude00"}', "[],é😀,2"),
        ('{"a":"\\t\\b\\f\\/\\\\","b":"\\"","c":"\\r"}', '\t\b\f/\\,"""","\r"'),
        ('{"a":"\\u0041","b":"\\u002c","c":"\\u0022"}', 'A,",",""""'),
    ],
)
def test_cells_of_properties(members: str, cells: str, listed: bool) -> None:
    columns = EventColumns(
        (Column("x", ("a",)), Column("y", ("b",)), Column("z", ("c", "d"))), listed
    )
    assert properties(CSV, [members], columns) == [cells]


TEXTS = st.text(st.sampled_from("\",\n\r \t;'a価😀\\/"), max_size=5) | st.text()
VALUES = st.recursive(
    st.booleans() | st.integers() | st.integers(-999, 999).map(lambda it: it + 0.5) | TEXTS,
    lambda inner: st.lists(inner | st.none(), max_size=2) | st.dictionaries(TEXTS, inner),
    max_leaves=4,
)


@RELAXED
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=5), min_size=1, max_size=6), st.booleans())
@example([{"a": "\n\r", "b": 1}, {"b": '"'}, {"c": [1, None, {"": ""}]}], False)
def test_properties_are_read_as_they_were(rows: list[dict[str, Any]], ascii_only: bool) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = EventColumns(tuple(Column(it, (it,)) for it in names), listed=False)
    texts = [json.dumps(row, ensure_ascii=ascii_only, separators=(",", ":")) for row in rows]
    for row, piece in zip(rows, properties(CSV, texts, columns), strict=True):
        expected = [
            by_rfc_4180(
                None
                if name not in row
                else row[name]
                if isinstance(row[name], str)
                else json.dumps(row[name], ensure_ascii=ascii_only, separators=(",", ":"))
            )
            for name in names
        ]
        assert piece == ",".join(expected)
