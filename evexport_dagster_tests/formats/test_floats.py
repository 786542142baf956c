"""32-bit floats of a typed source: their own member in Parquet, their shortest text elsewhere."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from evexport_dagster_tests.handmade import Handmade, csv_rows, home, json_rows, one_time, text

__all__ = ["home"]

SPEC: dict[str, Any] = {
    "events": {"select": ["Charged"]},
    "sort": True,
    "device": ["dpi", "model"],
    "user_properties": [{"name": "score", "as": "Score"}, "other"],
    "comm_prefs": ["MSG-push", "MSG-sms"],
    "schedule": one_time("2026-06-14", "2026-06-14"),
}


def floats() -> list[float]:
    """Every kind of 32-bit float, and a few of each."""
    choose = random.Random(3)
    edges = [0.0, -0.0, 0.1, 1.0, 59.9, 16777216.0, 3.4028235e38, -1.1754944e-38, 1e-45, 1e10, 1e20]
    bits = (struct.pack("I", choose.getrandbits(32)) for _ in range(300))
    drawn = [*edges, *(struct.unpack("f", it)[0] for it in bits)]
    return [float(np.float32(it)) for it in drawn if np.isfinite(it)]


def lake(home: Handmade, values: list[float], props: str) -> None:
    """A row for each value; `props` is SQL for its properties, where the value is `v`."""
    listed = ", ".join(f"'{value!r}'::DOUBLE::FLOAT" for value in values)
    with duckdb.connect() as con:
        con.execute(
            f"""
            COPY (
                SELECT printf('%04d', i) AS event_id, 'Charged' AS event_name,
                    TIMESTAMPTZ '2026-06-14 01:00:00+00' + to_milliseconds(i) AS event_time,
                    'p1' AS profile_id, {{'dpi': v, 'model': 'x'}} AS device,
                    {props} AS event_props
                FROM (SELECT unnest([{listed}]) AS v, generate_subscripts([{listed}], 1) AS i)
            ) TO '{home.folder}/lake/events/events.parquet';
            COPY (
                SELECT 'p1' AS profile_id, ['ann'] AS identities, NULL AS email, NULL AS phone,
                    NULL AS name, NULL AS gender, NULL AS dob,
                    {{'score': 0.1::FLOAT, 'other': 0.1::DOUBLE}} AS properties,
                    MAP {{'MSG-push': 0.7::FLOAT}} AS comm_prefs
            ) TO '{home.folder}/lake/profiles.parquet';
            """
        )


def files(home: Handmade, format_: str, **spec: Any) -> list[Path]:
    home.spec(**{**SPEC, "format": format_, **spec})
    return [home.out / file.key for receipt in home.run() for file in receipt.files]


def members(file: Path, group: str) -> list[dict[str, tuple[str, Any]]]:
    """The group of each record: the one member that has a value."""
    rows = pq.read_table(file).column(group).to_pylist()
    return [
        {key: next(it for it in union.items() if it[1] is not None) for key, union in row}
        for row in rows
    ]


def same(texts: list[str], values: list[float]) -> bool:
    """Whether texts are those of 32-bit floats, with no more digits than these need."""
    digits = [len(Decimal(text).normalize().as_tuple().digits) for text in texts]
    return [float(np.float32(text)) for text in texts] == values and max(digits) <= 10


@pytest.mark.parametrize(
    ("props", "kept"),
    [
        ("{'v': v, 'd': v::DOUBLE, 'n': 7, 'in': {'v': 0.1::FLOAT}}", {"d", "n", "in"}),
        ("MAP {'v': v, 'w': 1.5::FLOAT}", {"w"}),
        # A number that only the exact path may read stands beside it.
        ("{'v': v, 'e': 0.12345678901234567890::DECIMAL(38, 20)}", {"e"}),
    ],
    ids=["STRUCT", "MAP", "beside a long number"],
)
def test_a_float_is_in_its_own_member(home: Handmade, props: str, kept: set[str]) -> None:
    values = floats()
    lake(home, values, props)
    (file,) = files(home, "parquet")
    found = members(file, "eventProps")
    assert [row["v"] for row in found] == [("member3", value) for value in values]
    others: dict[str, Callable[[float], tuple[str, Any]]] = {
        "d": lambda value: ("member4", value),
        "n": lambda _: ("member1", 7),
        "in": lambda _: ("member5", '{"v":0.1}'),
        "w": lambda _: ("member3", 1.5),
        "e": lambda _: ("member5", "0.12345678901234567890"),
    }
    for name in kept:
        assert [row[name] for row in found] == [others[name](value) for value in values]
    assert [row["dpi"] for row in members(file, "deviceInfo")] == [("member3", v) for v in values]
    tenth = float(np.float32(0.1))
    profile = {"Score": ("member3", tenth), "other": ("member4", 0.1)}
    assert members(file, "profile") == [profile] * len(values)
    assert members(file, "commPrefs")[0] == {"MSG-push": ("member3", float(np.float32(0.7)))}


def test_elsewhere_a_float_is_its_shortest_text(home: Handmade) -> None:
    values = floats()
    lake(home, values, "{'v': v, 'in': [0.1::FLOAT]}")
    (file,) = files(home, "json", folder="export_id")
    rows = json_rows(file.read_bytes())
    assert same([repr(row["eventProps"]["v"]) for row in rows], values)
    assert rows[2]["eventProps"] == {"v": 0.1, "in": [0.1]}
    assert rows[0]["profile"] == {"Score": 0.1, "other": 0.1}
    home.spec("flat", **SPEC)
    (receipt,) = home.run("flat")
    cells = csv_rows((home.out / receipt.files[0].key).read_bytes())
    assert same([row["v"] for row in cells], values)
    assert (cells[2]["v"], cells[2]["in"]) == ("0.1", "[0.1]")
    home.spec("marked", **{**SPEC, "format": "xml", "folder": "export_id"})
    (receipt,) = home.run("marked")
    root = ElementTree.fromstring(text((home.out / receipt.files[0].key).read_bytes()))
    told = [entry[1].text or "" for entry in root.findall("Event/eventProps/entry[key='v']")]
    assert same(told, values)
    assert told[2] == "0.1"


def test_a_label_of_two_sources_is_typed_by_the_one_that_counts(home: Handmade) -> None:
    lake(home, [0.5, 2.5], "{'v': if(v > 1, v, NULL), 'd': if(v < 1, v::DOUBLE, NULL)}")
    events = {"select": ["Charged"], "rename_properties": {"d": "v"}}
    (file,) = files(home, "parquet", events=events)
    found = [row["v"] for row in members(file, "eventProps")]
    assert found == [("member4", 0.5), ("member3", 2.5)]


def test_a_float_that_is_to_be_text_or_hidden_is_text(home: Handmade) -> None:
    lake(home, [0.1], "{'v': v}")
    (file,) = files(home, "parquet", as_string=True)
    assert members(file, "eventProps") == [{"v": ("member5", "0.1")}]
    home.spec("hidden", **{**SPEC, "format": "parquet", "pii": {"fields": {"v": "mask"}}})
    (receipt,) = home.run("hidden")
    ((name, said),) = members(home.out / receipt.files[0].key, "eventProps")[0].values()
    assert name == "member5"
    assert "0.1" not in json.dumps(said)
