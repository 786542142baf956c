"""What a lake holds: names of events, and the properties that they have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from evexport_dagster.source import event_names, property_names
from evexport_dagster.source.json_rows import row_texts

from .relations import EVENT, opened, source

START = datetime(2026, 6, 14, tzinfo=UTC)


def open_events(con: duckdb.DuckDBPyConnection, *rows: tuple[str | None, int, str | None]) -> None:
    """A lake of (name, hour, properties)."""
    con.execute("CREATE TABLE events (n INTEGER, name VARCHAR, hour INTEGER, props VARCHAR)")
    con.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?)", [(n, *row) for n, row in enumerate(rows)]
    )
    columns = ", ".join(f"{sql} AS {name}" for name, sql in EVENT.items())
    it = source()
    sql = f"""
        SELECT * REPLACE (name AS event_name, props AS event_props,
            TIMESTAMPTZ '2026-06-14 00:00:00+00' + to_hours(hour) AS event_time)
        FROM (SELECT *, {columns} FROM events ORDER BY n)
    """
    opened(con, it.model_copy(update={"events": it.events.model_copy(update={"sql": sql})}))


def test_events_of_a_time_are_named_first_seen_first(con: duckdb.DuckDBPyConnection) -> None:
    open_events(con, ("b", 3, ""), ("a", 2, ""), ("b", 1, ""), ("c", 9, ""), (None, 1, ""))
    hour = timedelta(hours=1)
    assert event_names(con, START, START + 9 * hour) == (
        ("b", START + hour),
        ("a", START + 2 * hour),
    )


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (['{"b":1,"a":2}', '{"c":1}', '{"a":1,"b":2}'], "a b c"),
        (['{"a":null,"b":[null]}'], "b"),
        (['{"a":NaN,"b":1}', '{"c":-inf}', '{"d": Infinity}'], "b"),
        (['{"a":1,}', "broken", "[1]", '"a"', None, "", "7"], ""),
        (['{"a":1,"a":null}', '{"b":null,"b":1}'], "a"),
        (['{"a":"\\ud800","\\u0062":{"x":1}}'], "a b"),
        (['{"a":":null, NaN,}"}'], "a"),
    ],
)
def test_properties_are_those_that_have_values(
    con: duckdb.DuckDBPyConnection, texts: list[str | None], expected: str
) -> None:
    open_events(con, *(("x", 0, text) for text in texts), ("y", 0, '{"z":1}'))
    assert property_names(con, ["x", "none"]) == {"x": tuple(expected.split()), "none": ()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "x", "b": 1.50}', ["x", "1.50"]),
        ('{"a": null, "b": {"c" : [1.0, "x\\"}"]}}', [None, '{"c" : [1.0, "x\\"}"]}']),
        ('{"b": "first", "b": "second"}', [None, "first"]),
        ('{ "\\u0061" : "\\u00e9" , "z": [] }', ["é", None]),
        ("{}", [None, None]),
        (None, [None, None]),
    ],
)
def test_members_of_a_row_are_as_the_file_spells_them(
    text: str | None, expected: list[str | None]
) -> None:
    assert row_texts(text, '["a", "b"]') == expected
