"""Values of event properties as an older layout called them, put back into the rows of a chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import reduce

import duckdb

from evexport_dagster.compiled.numbers import integers_of
from evexport_dagster.compiled.spans import Spans, spans
from evexport_dagster.layouts import Layout, OldValue
from evexport_dagster.text import json_pointer, sql_literal


def put_back(con: duckdb.DuckDBPyConnection, layout: Layout, objects: Spans) -> Spans:
    """The properties of the rows of `staged`, by `row`, given what they are, with the old values of
    those that had others. `devices` is complete."""
    names = [name for name in layout.old_values if _is_there(con, name)]
    if not names:
        return objects
    changed = con.sql(_changed(names, layout)).to_arrow_table()
    rows, texts = changed.column("row"), changed.column("event_props")
    return objects.replaced(integers_of(rows), spans(texts))


def _is_there(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = con.execute("SELECT bool_or(list_contains(keys, ?)) FROM shapes", [name]).fetchall()
    return bool(found[0][0])


def _changed(names: list[str], layout: Layout) -> str:
    """SQL for (row, event_props): the rows that have one of these properties and an old value."""
    listed = ", ".join(map(sql_literal, names))
    rows = f"""
        SELECT row, device, event_props, false AS is_old
        FROM staged
        SEMI JOIN (FROM shapes WHERE list_has_any(keys, [{listed}])) USING (event, shape)
    """
    for name in names:
        rows = _with_old(rows, name, layout.old_values[name])
    return f"SELECT row, event_props FROM ({rows}) WHERE is_old"


def _with_old(rows: str, name: str, old_values: Mapping[str, OldValue]) -> str:
    """The rows with the old value of one property, a text.

    Few have a value for which the device counts: others are not looked up, NULL being no key of a
    join.
    """
    value = f"json_extract(event_props, {sql_literal(json_pointer(name))})::VARCHAR"
    by_platform = [_token(new) for new, old in old_values.items() if not isinstance(old, str)]
    key = f"CASE WHEN new IN ({', '.join(by_platform)}) THEN rows.device END"
    devices = f"LEFT JOIN devices ON devices.device = {key}" if by_platform else ""
    cases = "".join(f" WHEN {_token(new)} THEN {_old(old)}" for new, old in old_values.items())
    return f"""
        SELECT row, device, is_old OR old IS NOT NULL AS is_old,
            CASE WHEN old IS NULL THEN event_props
            WHEN {_IS_PLAIN} THEN {_replaced(name)}
            ELSE exact_replaced(event_props, {sql_literal(name)}, old) END AS event_props
        FROM (
            SELECT rows.*, CASE new{cases} END AS old
            FROM (SELECT *, {value} AS new FROM ({rows})) AS rows {devices}
        )
    """


# A text has no other spelling, and there are no objects but the whole.
_IS_PLAIN = " AND ".join(
    f"NOT contains({text}, '{found}')"
    for text, found in (
        ("event_props", r"\u"),
        ("event_props", r"\/"),
        ("substr(event_props, 2)", "{"),
    )
)


def _replaced(name: str) -> str:
    """SQL that puts `old` into the place of `new`, a value in a plain object: there a quoted name
    before a colon is the key, where what stands before it is no part of a text."""
    return reduce(
        lambda text, before: (
            f"replace({text}, {_key(before, name)} || new, {_key(before, name)} || to_json(old))"
        ),
        "{,",
        "event_props",
    )


def _key(before: str, name: str) -> str:
    return sql_literal(f"{before}{_json(name)}:")


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _token(text: str) -> str:
    """SQL for a text as it stands in JSON."""
    return sql_literal(_json(text))


def _old(old: OldValue) -> str:
    if isinstance(old, str):
        return sql_literal(old)
    cases = "".join(
        f" WHEN {sql_literal(platform.lower())} THEN {sql_literal(value)}"
        for platform, value in old.items()
    )
    return f"CASE lower(platform){cases} END"
