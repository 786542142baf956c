"""The first records of delivered files, whatever stands in them and around them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from evexport_dagster.exports import Progress
from evexport_dagster.first_records import first_records
from evexport_dagster_tests.handmade import Handmade, at, event, home
from evexport_dagster_tests.profiles.people import spec

__all__ = ["home"]


def test_only_line_ends_part_records(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress('{"a":"x\u2028y\x85"}\n{"a":2}\n'.encode()))
    assert first_records(path, "json") == ({"a": "x\u2028y\x85"}, {"a": "2"})


@pytest.mark.parametrize("format_", ["json", "csv", "xml", "parquet"])
def test_records_of_the_legacy_layout_are_shown(home: Handmade, format_: str) -> None:
    home.events([event('{"Charged', at(0, 1), Amount="7")])
    home.spec(layout="legacy", format=format_, folder="root", events={"select": ['{"Charged']})
    told: list[Progress] = []
    with home.open() as project:
        project.run("purchases", on_progress=told.append)
    (record,) = next(it.first_records for it in told if it.first_records)
    assert record["ts"] == "20260614010000"
    assert record["eventName"] == '{"Charged'
    assert record["profile.objectId"] == "p1"
    assert record["eventproperties.Amount" if format_ == "csv" else "eventProps.Amount"] == "7"


@pytest.mark.parametrize("format_", ["json", "csv", "xml", "parquet"])
def test_records_of_profiles_are_shown(home: Handmade, format_: str) -> None:
    home.events([])
    once = {"one_time": {"from": "2026-06-14", "to": "2026-06-14"}}
    spec(home, format=format_, schedule=once)
    told: list[Progress] = []
    with home.open() as project:
        project.run("people", on_progress=told.append)
    (record,) = next(it.first_records for it in told if it.first_records)
    assert record["clevertapId" if format_ == "csv" else "identity.clevertapId"] == "p1"
