"""Cells of a record: columns and the places of their sources in one list."""

from __future__ import annotations

import duckdb

from evexport_dagster.columns import Column
from evexport_dagster.formats.cells import ObjectColumn, picked_cells
from evexport_dagster.query import exact


def test_columns_find_their_sources_in_the_list() -> None:
    columns = [Column("x", ("a", "b")), Column("y", ("c",)), Column("z", ("d", "e"))]
    cells = picked_cells(columns, "picked")
    selected = ", ".join(cell.text for cell in cells)
    picked = "[NULL, 'b', 'c', NULL, NULL]"
    with duckdb.connect() as con:
        row = con.execute(f"SELECT {selected} FROM (SELECT {picked} AS picked)").fetchall()
    assert row == [("b", "c", None)]


def test_members_are_picked_in_the_order_of_the_keys() -> None:
    text = """{"a/b":"x","~":[1,"y"],"'":{"a":1.5},"":true,"$":""}"""
    keys = ["'", "", "missing", "~", "a/b", "$"]
    as_json = ['{"a":1.5}', "true", None, '[1,"y"]', '"x"', '""']
    as_text = ['{"a":1.5}', "true", None, '[1,"y"]', "x", ""]
    with duckdb.connect() as con:
        exact.register(con)
        con.execute("CREATE TABLE rows AS SELECT ? AS text, unnest([true, false]) AS exact", [text])
        column = ObjectColumn("text", "exact")
        for expected, is_json in ((as_json, True), (as_text, False)):
            picked = column.picked(keys, as_json=is_json)
            assert con.execute(f"SELECT {picked} FROM rows").fetchall() == [(expected,)] * 2
