"""Values of event properties as an older layout called them, put back into the rows of a chunk."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import duckdb

from evexport_dagster.compiled.numbers import integers_of
from evexport_dagster.compiled.spans import Spans, spans
from evexport_dagster.layouts import Layout, OldValue
from evexport_dagster.text import json_pointer, sql_literal


def put_back(con: duckdb.DuckDBPyConnection, layout: Layout, objects: Spans) -> Spans:
    """Make `staged` give the old values, where its rows have the properties that had others; gives
    the properties of its rows by `row`, given what they were.

    `devices` is complete.
    """
    names = [name for name in layout.old_values if _is_there(con, name)]
    if not names:
        return objects
    con.execute("DROP VIEW IF EXISTS staged_as_is; ALTER VIEW staged RENAME TO staged_as_is")
    rows = "SELECT staged_as_is.*, platform FROM staged_as_is LEFT JOIN devices USING (device)"
    for name in names:
        rows = _with_old(rows, name, layout.old_values[name])
    con.execute(f"CREATE TEMP VIEW staged AS SELECT * EXCLUDE (platform) FROM ({rows})")
    listed = ", ".join(map(sql_literal, names))
    with_names = f"FROM shapes WHERE list_has_any(keys, [{listed}])"
    changed = con.sql(
        f"SELECT row, event_props FROM staged SEMI JOIN ({with_names}) USING (event, shape)"
    ).to_arrow_table()
    places, texts = changed.column("row"), changed.column("event_props")
    return objects.replaced(integers_of(places), spans(texts))


def _is_there(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = con.execute("SELECT bool_or(list_contains(keys, ?)) FROM shapes", [name]).fetchall()
    return bool(found[0][0])


def _with_old(rows: str, name: str, old_values: Mapping[str, OldValue]) -> str:
    """The rows with the old value of one property, a text."""
    value = f"json_extract(event_props, {sql_literal(json_pointer(name))})"
    cases = "".join(f" WHEN {sql_literal(new)} THEN {_old(old)}" for new, old in old_values.items())
    key = sql_literal(f'"{name}":')
    # Without inner objects or escapes a quoted name before a colon is the key.
    is_flat = "NOT contains(event_props, chr(92)) AND NOT contains(substr(event_props, 2), '{')"
    fast = reduce(
        lambda text, before: f"replace({text}, {before} || now, {before} || old)",
        ("'{'", "','"),
        "event_props",
    )
    return f"""
        SELECT * EXCLUDE (now, old, value, token) REPLACE (
            CASE WHEN value IS NULL THEN event_props WHEN {is_flat} THEN {fast}
            ELSE exact_replaced(event_props, {sql_literal(name)}, value) END AS event_props
        ) FROM (
            SELECT *, {key} || token AS now, {key} || to_json(value) AS old
            FROM (
                SELECT *, CASE json_extract_string(token, '$'){cases} END AS value
                FROM (
                    SELECT *, CASE WHEN json_type({value}) = 'VARCHAR' THEN {value} END AS token
                    FROM ({rows})
                )
            )
        )
    """


def _old(old: OldValue) -> str:
    if isinstance(old, str):
        return sql_literal(old)
    cases = "".join(
        f" WHEN {sql_literal(platform.lower())} THEN {sql_literal(value)}"
        for platform, value in old.items()
    )
    return f"CASE lower(platform){cases} END"
