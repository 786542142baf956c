"""Cleaning, against an independent reading of the same texts: nothing wrong gets past a guard."""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evexport_dagster.formats.cells import ObjectColumn
from evexport_dagster.query.clean import CleanedObject

from .hostile import (
    KEYS,
    ODD,
    as_string,
    cell,
    number_texts,
    plain,
    properties,
    strict,
    texts,
    value,
)

AS_IT_IS = 0
PICKED = tuple(dict.fromkeys(json.loads(f'"{key}"') for key in KEYS if "ud800" not in key))
BATCHES = settings(max_examples=3, deadline=None, phases=[Phase.reuse, Phase.generate])
SEEDS = st.integers(0, 2**63)


def clean(
    con: duckdb.DuckDBPyConnection, batch: list[str], *, as_string: bool = False
) -> list[tuple[str, str, dict[str, int], int]]:
    """(original, cleaned, oddities, way) of every text, made by DuckDB in one table `cleaned`."""
    con.register("originals", pa.table({"n": range(len(batch)), "it": batch}))
    step = CleanedObject("it", as_string)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE cleaned AS
        SELECT n, {step.text} AS text, {step.odd} AS odd, {step.exact} AS exact, it_way AS way
        FROM (SELECT *, {step.mended} FROM (SELECT *, {step.way} FROM originals))
        """
    )
    rows = con.execute("SELECT text, odd, way FROM cleaned ORDER BY n").fetchall()
    return [
        (original, text, json.loads(odd or "{}"), way)
        for original, (text, odd, way) in zip(batch, rows, strict=True)
    ]


@BATCHES
@given(seed=SEEDS)
def test_a_cleaned_object_means_what_its_source_means(
    con: duckdb.DuckDBPyConnection, seed: int
) -> None:
    for original, text, _, way in clean(con, texts(seed, 600)):
        # Of twins in a text that passes as it is the first is picked.
        members = properties(text) if way == AS_IT_IS else strict(text)
        assert members == properties(original), (original, text, way)
        assert list(members) == list(properties(original)), (original, text, way)


@BATCHES
@given(seed=SEEDS)
def test_as_string_turns_every_scalar_into_its_text(
    con: duckdb.DuckDBPyConnection, seed: int
) -> None:
    for original, text, _, _ in clean(con, texts(seed, 400), as_string=True):
        expected = as_string(("object", properties(original)))
        found = ("object", strict(text))
        assert "number" not in repr(found)
        assert number_texts(found, expected) == expected, (original, text)


@BATCHES
@given(seed=SEEDS)
def test_members_are_picked_without_a_change(con: duckdb.DuckDBPyConnection, seed: int) -> None:
    batch = texts(seed, 400)
    clean(con, batch)
    column = ObjectColumn("text", "exact")
    as_json, as_text = (column.picked(PICKED, as_json=it) for it in (True, False))
    rows = con.execute(f"SELECT {as_json}, {as_text} FROM cleaned ORDER BY n").fetchall()
    for original, (json_texts, cells) in zip(batch, rows, strict=True):
        members = properties(original)
        for key, json_text, cell_text in zip(PICKED, json_texts, cells, strict=True):
            expected = members.get(key)
            if expected is None:
                assert json_text is None, (original, key)
                assert cell_text is None, (original, key)
            else:
                assert value(json_text) == expected, (original, key)
                assert cell(cell_text, expected) == plain(expected), (original, key)


def test_most_objects_take_a_fast_way(con: duckdb.DuckDBPyConnection) -> None:
    batch = [
        '{"a":1,"b":"x","c":[1,"y"]}',
        '{"a":59.9,"b":null}',
        '{"a":{"b":[1]}}',
        '{"a":[1,"null"],"b":null}',
        '{"a":{"b":[[{"c":{}}]]}}',
        '{"a":{"b":[null]}}',
        '{"a":{"b":[[{"c":1,"c":2}]]}}',
    ]
    assert [way for *_, way in clean(con, batch)] == [0, 1, 0, 1, 0, 0, 3]


@pytest.mark.parametrize(("text", "cleaned", "odd"), ODD)
def test_what_is_odd_is_mended_and_counted(
    con: duckdb.DuckDBPyConnection, text: str, cleaned: str, odd: dict[str, int] | None
) -> None:
    expected = strict(cleaned) if odd is not None else properties(text)
    ((_, found, counted, _),) = clean(con, [text])
    assert strict(found) == expected
    assert counted == ({"duplicate_keys": 1} if odd is None else odd)


@pytest.mark.parametrize(
    "number",
    [
        "0.1234567890123456789",
        "123456789012345678e1",
        "1234567890123456e5",
        "123456789012345678901234567890",
        "-9223372036854775809",
        "1e400",
        "1e-400",
        "9007199254740993.5",
    ],
)
@pytest.mark.parametrize("object_", ['{{"a":{}}}', '{{"x":{{"y":[{}]}},"a":{}}}', '{{ "a":{} }}'])
def test_no_digit_of_a_long_number_is_lost(
    con: duckdb.DuckDBPyConnection, number: str, object_: str
) -> None:
    clean(con, [object_.format(number, number)])
    column = ObjectColumn("text", "exact")
    for as_json in (True, False):
        picked = column.picked(["a"], as_json=as_json)
        (([text],),) = con.execute(f"SELECT {picked} FROM cleaned").fetchall()
        assert text == number
