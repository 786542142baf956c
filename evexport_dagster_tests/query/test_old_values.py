"""Old values of properties, put back into rows: as a parser would, however these are spelled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import duckdb
import pytest

from evexport_dagster.compiled.gather import gathered
from evexport_dagster.compiled.spans import spans
from evexport_dagster.layouts import CLEVERTAP, LEGACY
from evexport_dagster.query.old_values import put_back

NAME: Final = "Campaign type"
PLATFORMS: Final = ("iOS", "ANDROID", "Web", None)
PUSH: Final = {"ios": "Mobile Push - iOS", "android": "Mobile Push - Android"}


def rows_of(
    con: duckdb.DuckDBPyConnection, texts: list[str], layout: Any = LEGACY
) -> list[tuple[str, str | None]]:
    """The properties of rows with these, each from every platform, and that platform."""
    con.execute("DROP VIEW IF EXISTS staged")
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE devices AS
        SELECT platform, coalesce(platform, 'none') AS device
        FROM (SELECT unnest($1::VARCHAR[]) AS platform)
        """,
        [list(PLATFORMS)],
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE rows AS
        SELECT (row_number() OVER () - 1)::BIGINT AS row, 0 AS event, event_props, device,
            hash(json_keys(event_props)) AS shape
        FROM devices, (SELECT unnest($1::VARCHAR[]) AS event_props)
        """,
        [texts],
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP VIEW staged AS FROM rows;
        CREATE OR REPLACE TEMP TABLE shapes AS
        SELECT DISTINCT event, shape, json_keys(event_props) AS keys FROM rows
        """
    )
    before = con.sql("SELECT event_props FROM rows ORDER BY row").to_arrow_table()
    objects = put_back(con, layout, spans(before.column(0)))
    query = "SELECT platform FROM staged JOIN devices USING (device) ORDER BY row"
    platforms = [platform for (platform,) in con.execute(query).fetchall()]
    return list(zip(gathered(objects).to_pylist(), platforms, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        '{"Campaign type":"Push"}',
        '{"a":1,"Campaign type":"Push","b":"\\"Campaign type\\":\\"Push\\""}',
        '{"a":"{","Campaign type":"Push"}',
        '{"a":"x\\/\\n\\\\","Campaign type":"Push","b":","}',
        '{"\\u0043ampaign type":"Push"}',
        '{"Campaign type":"\\u0050ush","b":[1.50]}',
        '{"x\\"Campaign type":"Push","Campaign type":"Push"}',
        '{"o":{"Campaign type":"Push"},"Campaign type":"Push"}',
        '{"o":[{"Campaign type":"Push"}],"Campaign type":"Push","n":12345678901234567890.10}',
        '{"é":"Push","Campaign type":"Push"}',
    ],
)
def test_the_platform_decides_and_nothing_else_changes(
    con: duckdb.DuckDBPyConnection, text: str
) -> None:
    before = json.loads(text, parse_float=str)
    found = {platform: made for made, platform in rows_of(con, [text])}
    assert found.keys() == set(PLATFORMS)
    for platform, made in found.items():
        then = PUSH.get((platform or "").lower(), "Push")
        assert json.loads(made, parse_float=str) == {**before, NAME: then}
    assert found["Web"] == text


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ('{"Campaign type":"Sms","b":"Sms"}', '{"Campaign type":"SMS","b":"Sms"}'),
        ('{"Campaign type":"SMS"}', None),
        ('{"Campaign type":["Push"]}', None),
        ('{"Campaign type":{"Sms":"Sms"}}', None),
        ('{"Campaign type":5,"o":{"Campaign type":"Sms"}}', None),
        ('{"Campaign":"Sms","a":"Campaign type"}', None),
        ('{"x\\"Campaign type":"Sms"}', None),
        ("{}", None),
    ],
)
def test_other_values_and_other_names_stay(
    con: duckdb.DuckDBPyConnection, text: str, then: str | None
) -> None:
    beside = '{"Campaign type":"PROMO"}'
    found = rows_of(con, [text, beside])
    assert {made for made, _ in found} == {then or text, '{"Campaign type":"Others"}'}


@pytest.mark.parametrize(
    ("old_values", "text", "then"),
    [
        ({"a": {"1": "one"}}, '{"a":1,"b":"1"}', '{"a":1,"b":"1"}'),
        ({'a/~"': {'"': "\\"}}, '{"x":"\\"","a/~\\"":"\\""}', '{"x":"\\"","a/~\\"":"\\\\"}'),
        (
            {"a": {"x": "y"}, ",b": {"x": "z"}},
            '{"a":"x",",b":"x","c":"x"}',
            '{"a":"y",",b":"z","c":"x"}',
        ),
    ],
)
def test_any_names_and_values(
    con: duckdb.DuckDBPyConnection,
    old_values: Mapping[str, Mapping[str, str]],
    text: str,
    then: str,
) -> None:
    layout = replace(CLEVERTAP, old_values=old_values)
    assert {made for made, _ in rows_of(con, [text], layout)} == {then}
