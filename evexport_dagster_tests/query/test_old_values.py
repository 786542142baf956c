"""Old values of properties, put back into rows: as a parser would, however these are spelled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from evexport_dagster.compiled.gather import gathered
from evexport_dagster.compiled.numbers import numbers
from evexport_dagster.compiled.spans import spans_of
from evexport_dagster.layouts import CLEVERTAP, LEGACY
from evexport_dagster.query.old_values import put_back
from evexport_dagster.query.staged import stage

NAME: Final = "Campaign type"
PLATFORMS: Final = ("iOS", "ANDROID", "Web", None)
PUSH: Final = {"ios": "Mobile Push - iOS", "android": "Mobile Push - Android"}


def rows_of(
    con: duckdb.DuckDBPyConnection, texts: list[str], layout: Any = LEGACY
) -> list[tuple[str, str | None]]:
    """The properties of rows with these, each from every platform, and that platform."""
    rows = [(text, platform) for platform in PLATFORMS for text in texts]
    objects = spans_of([text for text, _ in rows])
    hashes = np.array([hash(tuple(json.loads(text))) for text, _ in rows], np.int64)
    none = numbers(np.zeros(len(rows), np.int64))
    chunk = pa.Table.from_pydict(
        {
            "event": none,
            "instance": none,
            "position": numbers(np.arange(len(rows))),
            "profile_id": pa.nulls(len(rows), pa.string()),
            "device": [platform or "none" for _, platform in rows],
        }
    )
    staged = stage(con, chunk, objects, hashes.view(np.uint64))
    platforms = [None if it == "none" else it for it in staged.device_texts.to_pylist()]
    devices = pa.table({"platform": pa.array(platforms, pa.string())})
    staged = put_back(con, layout, staged, devices)
    made = gathered(staged.objects).to_pylist()
    return [(text, platform) for text, (_, platform) in zip(made, rows, strict=True)]


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
