"""Files of the layout of 50,000 rows, compared field by field with a reading of its document."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from evexport_dagster.exports import load_project
from evexport_dagster_tests.cli.conftest import run_cli
from evexport_dagster_tests.contracts.reading import same_value
from evexport_dagster_tests.contracts.values import Value, read_exported
from evexport_dagster_tests.handmade import Handmade, at, event, home, one_time
from evexport_dagster_tests.layouts import expected
from evexport_dagster_tests.layouts.lakes import NAME, NOW, ZONE, Lake, Row, make, write

__all__ = ["home"]

FIELDS = ["definitionId", "personId", "externalPersonId", "timestamp", "properties"]
SPEC: dict[str, Any] = {
    "layout": "infobip",
    "format": "json",
    "identity": {"identifiers": ["Email", "Identity"]},
}
FILE = re.compile(r"(\d+)-events-(\d{8}T\d{9}Z)-(\d{8}T\d{9}Z)(?:-([1-9]\d*))?\.json\.gz")


def record_of(row: Row, lake: Lake) -> dict[str, Value]:
    legacy = expected.legacy(row, lake, ["Email", "Identity"])
    return {
        "definitionId": row.event.event_name,
        "personId": row.event.profile_id,
        "externalPersonId": legacy.get(("profile", "identity")),
        "timestamp": expected.iso(row.event.event_time),
        "properties": expected.members(row.event.event_props),
    }


def lines_of(folder: Path) -> dict[str, list[str]]:
    """The lines of each file."""
    files = sorted((folder / "out").iterdir())
    texts = {path.name: gzip.decompress(path.read_bytes()).decode() for path in files}
    return {name: text.split("\n")[:-1] for name, text in texts.items()}


def test_every_event_of_a_window_is_in_its_one_series(tmp_path: Path) -> None:
    lake = make(11, 110)
    write(lake, tmp_path, SPEC)
    shown = run_cli("preview", NAME, "--rows", 500, "--project", tmp_path, "--json")
    assert shown.code == 0, shown.err
    assert set(shown.document["columns"]) == {"all events"}
    ran = run_cli("run", NAME, "--project", tmp_path, "--json")
    assert ran.code == 0, ran.err
    deliveries = ran.document["deliveries"]
    assert {it["event"] for it in deliveries} == {"all events"}
    assert {it["instance"] for it in deliveries} == {0}
    assert {file["key"] for it in deliveries for file in it["files"]} == set(lines_of(tmp_path))
    seen = 0
    for name, lines in lines_of(tmp_path).items():
        found = FILE.fullmatch(name)
        assert found is not None
        assert found[1] == str(ran.document["export_id"])
        start, end = (datetime.strptime(it, "%Y%m%dT%H%M%S%f%z") for it in found.group(2, 3))
        rows = [row for row in lake.rows if start <= row.event.event_time < end]
        records = [read_exported(line) for line in lines]
        _assert_same(rows, lake, records)
        seen += len(rows)
    assert seen == len(lake.rows)
    previewed = shown.document["records"]["all events"]
    assert Counter(previewed) <= Counter(
        it for lines in lines_of(tmp_path).values() for it in lines
    )


def _assert_same(rows: list[Row], lake: Lake, records: list[Value]) -> None:
    assert len(rows) == len(records)
    by_time: dict[Value, Value] = {}
    for record in records:
        assert isinstance(record, dict)
        assert list(record) == FIELDS
        by_time[str(record["timestamp"])] = record
    for row in rows:
        wanted = record_of(row, lake)
        assert same_value(wanted, by_time[wanted["timestamp"]]), (row, wanted)


@pytest.mark.parametrize("select", [["*a*"], ["A* L*", "日本"]])
def test_names_of_events_are_patterns(tmp_path: Path, select: list[str]) -> None:
    lake = make(12, 40)
    write(lake, tmp_path, {**SPEC, "events": {"select": select}})
    with load_project(tmp_path, clock=lambda: NOW) as project:
        project.run(NAME)
    found = Counter(json.loads(it)["definitionId"] for f in lines_of(tmp_path).values() for it in f)
    patterns = [re.compile(".*".join(map(re.escape, it.split("*"))), re.DOTALL) for it in select]
    names = (row.event.event_name for row in lake.rows)
    assert found == Counter(it for it in names if any(p.fullmatch(it) for p in patterns))
    assert found


def test_a_file_has_at_most_50000_rows_and_further_ones_are_numbered(home: Handmade) -> None:
    rows = [event("Charged" if n % 2 else "Viewed", at(0, n / 1e5), n % 3) for n in range(100_001)]
    home.events(rows)
    home.spec(
        layout="infobip",
        format="json",
        folder="root",
        events={"select": "all"},
        schedule=one_time("2026-06-14", "2026-06-14"),
    )
    receipts = home.run()
    assert [it.event for it in receipts] == ["all events"] * len(receipts)
    files = {file.key: file.rows for it in receipts for file in it.files}
    assert list(files.values()) == [50_000, 50_000, 1]
    stems = [name.removesuffix(".json.gz") for name in files]
    assert stems[1:] == [f"{stems[0]}-1", f"{stems[0]}-2"]
    assert stems[0].endswith("-events-20260614T000000000Z-20260615T000000000Z")


def test_a_predicate_sees_the_names_of_the_source(tmp_path: Path) -> None:
    lake = make(13, 40)
    write(lake, tmp_path, {**SPEC, "where": "event_name = 'a/b' AND instance_id = 0"})
    with load_project(tmp_path, clock=lambda: NOW) as project:
        receipts = project.run(NAME).receipts
    taken = [it for it in lake.rows if it.event.event_name == "a/b" and it.event.instance_id == 0]
    assert sum(it.rows for it in receipts) == len(taken) > 0


def test_the_window_is_that_of_the_account(tmp_path: Path) -> None:
    write(make(14, 5), tmp_path, SPEC)
    with load_project(tmp_path, clock=lambda: NOW) as project:
        shown = project.preview(NAME)
    (key,) = shown.deliveries[0].keys
    start = shown.window.start
    assert start.astimezone(ZONE).hour == 0
    assert f"-events-{start:%Y%m%dT%H%M%S}000Z-" in key
