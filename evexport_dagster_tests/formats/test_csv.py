"""CSV: what is quoted and what is missing, and counting records in any pieces."""

from __future__ import annotations

import csv
import io
from itertools import pairwise

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import Column, EventColumns
from evexport_dagster.formats.cells import Cell, Group
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster.strict_json import read_members
from evexport_dagster_tests.formats.heads import head

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


def test_merged_columns_take_the_first_value(con: duckdb.DuckDBPyConnection) -> None:
    columns = EventColumns((Column("x", ("a", "b")), Column("y", ("c",))), listed=False)
    piece = CSV.properties(columns, "whole", "picked")
    rows = con.execute(
        f"""
        SELECT {piece} FROM (VALUES
            (1, [NULL, '', 'z']), (2, ['a', 'b', NULL]), (3, [NULL, NULL, NULL]::VARCHAR[])
        ) AS rows(n, picked) ORDER BY n
        """
    ).fetchall()
    assert rows == [('"",z',), ("a,",), (",",)]


def test_an_event_without_columns_has_no_piece() -> None:
    columns = EventColumns((), listed=False)
    assert CSV.properties(columns, "whole", "picked") is None
    assert not CSV.needs_picked(columns)


@pytest.mark.parametrize(
    ("members", "cells"),
    [
        ("{}", ",,"),
        ('{"a":"","b":"x","c":"y,z"}', '"",x,"y,z"'),
        ('{"b":1.50,"e":"never"}', ",1.50,"),
        ('{"c":[1.0,"a"],"a":{"k":null}}', '"{""k"":null}",,"[1.0,""a""]"'),
        ('{"d":true,"a":false,"b":"a\\nb"}', 'false,"a\nb",true'),
    ],
)
def test_what_only_python_renders_looks_the_same(members: str, cells: str) -> None:
    columns = EventColumns(
        (Column("x", ("a",)), Column("y", ("b",)), Column("z", ("c", "d"))), listed=False
    )
    assert CSV.piece(read_members(members)[0], columns) == cells
