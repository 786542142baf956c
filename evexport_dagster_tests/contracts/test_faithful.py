"""Every event is delivered once, and every value of it is exactly what the source says.

What the files hold is compared with a projection written from the contract alone, for lakes that
are as hostile as lakes get.
"""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from evexport_dagster.exports import load_project
from evexport_dagster.ledger import Receipt
from evexport_dagster_tests.contracts.expected import project
from evexport_dagster_tests.contracts.reading import (
    FORMATS,
    Cell,
    Column,
    Place,
    Read,
    Typed,
    unpacked,
)
from evexport_dagster_tests.contracts.ugly import FORMS, Lake
from evexport_dagster_tests.contracts.values import Value

ZONE: Final = ZoneInfo("America/New_York")
DAYS: Final = (date(2024, 11, 2), date(2024, 11, 4))
NOW: Final = datetime(2024, 12, 1, tzinfo=UTC)
SEED: Final = 20_241_102

PLAIN: Final[dict[str, Any]] = {
    "identity": {
        "identifiers": ["Identity"],
        "preference": "first",
        "all_identities": False,
        "clevertap_id": True,
    },
    "timestamp": "epoch",
    "user_properties": [],
    "device": [],
    "comm_prefs": [],
    "events": {"select": "all"},
    "sort": False,
    "as_string": False,
}
BROWSED: Final[dict[str, Any]] = PLAIN | {"device": ["browser", "dimensions"]}
FULL: Final[dict[str, Any]] = PLAIN | {
    "identity": {
        "identifiers": [{"custom": "crm_id"}, "Phone", "Identity", "Email"],
        "preference": "first",
        "all_identities": True,
        "clevertap_id": True,
    },
    "timestamp": "datetime",
    "user_properties": ["Email", "tier", {"name": "Name", "as": "identity"}, "DOB", "Gender"],
    "device": ["dimensions", "browser", "model", "token", "platform"],
    "comm_prefs": ["subscriptionGroups", "MSG-push", "MSG-email", "MSG-sms", "MSG-whatsapp"],
    "sort": True,
}
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "plain": PLAIN,
    "full": FULL,
    "all identifiers": FULL
    | {"identity": FULL["identity"] | {"preference": "all", "clevertap_id": False}},
    "as text": FULL | {"as_string": True, "sort": False},
    "chosen": FULL
    | {
        "events": {
            "select": ["App Launched", "app launched", "a/b"],
            "rename_properties": {"a": "b", "é": "browser", "~0": "a"},
            "each": {
                "App Launched": {"as": 'Opened, "é"'},
                "a/b": {
                    "properties": [
                        *("b", {"name": "amount", "as": "x"}, "not there", 'q"q', "a"),
                        *({"name": "Amount", "as": "x"}, {"name": "c,d", "as": "eventName"}),
                    ]
                },
            },
        }
    },
}


class Wanted(NamedTuple):
    """The columns of a delivery, and its records by instance and time, in the order of time."""

    columns: tuple[Column, ...]
    records: dict[int, dict[Value, list[dict[Place, Value]]]]


@dataclass(frozen=True)
class Exported:
    """What an export was told, what it had, and what it delivered."""

    spec: Mapping[str, Any]
    lake: Lake
    receipts: tuple[Receipt, ...]
    folder: Path


def exported(
    folder: Path,
    form: str,
    spec: Mapping[str, Any],
    events: int = 120,
    split: int = 10_000_000,
) -> Exported:
    """Run an export of a hostile lake."""
    source = FORMS[form]
    lake = source.make(SEED, events)
    settings = {
        "account": {"id": "acme", "name": "Acme", "timezone": ZONE.key},
        "sources": {"lake": source.write(lake, folder)},
        "destinations": {"here": {"type": "local", "path": "out"}},
        "runtime": {"max_rows_per_file": split},
    }
    document = {
        "name": "all_of_it",
        "source": "lake",
        "destination": "here",
        "schedule": {"one_time": dict(zip(("from", "to"), DAYS, strict=True))},
        **spec,
    }
    yaml = YAML(typ="safe")
    yaml.dump(settings, folder / "evexport.yaml")
    (folder / "exports").mkdir()
    yaml.dump(document, folder / "exports" / "all_of_it.yaml")
    with load_project(folder, clock=lambda: NOW) as opened:
        result = opened.run("all_of_it")
    return Exported(spec, lake, result.receipts, folder / "out")


def day_of(time: datetime) -> date:
    return time.astimezone(ZONE).date()


def wanted(run: Exported, receipt: Receipt) -> Wanted:
    """What the files of a delivery should hold."""
    day = day_of(receipt.window_start)
    named = [event for event in run.lake.events if event.event_name == receipt.event]
    until = [event for event in named if day_of(event.event_time) <= day]
    if not any(day_of(event.event_time) == day for event in until):
        return Wanted((), {})
    first_seen = sorted(until, key=lambda event: day_of(event.event_time))
    projection = project(run.spec, ZONE, first_seen, run.lake.profiles)
    pairs = zip(first_seen, projection.records, strict=True)
    records: dict[int, dict[Value, list[dict[Place, Value]]]] = {}
    for event, record in sorted(pairs, key=lambda pair: pair[0].event_time):
        if day_of(event.event_time) == day:
            times = records.setdefault(event.instance_id, {})
            times.setdefault(record["", "eventTime"], []).append(record)
    return Wanted(projection.columns, records)


def read_back(run: Exported, receipt: Receipt, columns: Sequence[Column]) -> dict[int, list[Read]]:
    """The records of a delivery, by instance."""
    found: dict[int, list[Read]] = defaultdict(list)
    for file in sorted(receipt.files, key=lambda file: (file.instance, file.index)):
        path = run.folder / file.key
        data = unpacked(path) if path.suffix == ".gz" else path.read_bytes()
        records = FORMATS[run.spec["format"]].read(data, columns)
        assert len(records) == file.rows > 0
        found[file.instance] += records
    return found


def assert_same(run: Exported, expected: dict[Place, Value], read: Read) -> None:
    reading = FORMATS[run.spec["format"]]
    expected = dict(zip(reading.places(expected), expected.values(), strict=True))
    wrong = {
        place: (expected.get(place, "nothing"), read.get(place, "nothing"))
        for place in expected.keys() | read.keys()
        if place not in expected
        or place not in read
        or not reading.same(expected[place], read[place])
    }
    assert wrong == {}
    if reading.own_order:
        assert list(read) == list(expected)


def assert_faithful(run: Exported) -> None:
    """Each event stands once in the files of its window, name and instance, as it should."""
    files = {file.key for receipt in run.receipts for file in receipt.files}
    there = [path for path in run.folder.rglob("*") if path.is_file()]
    assert {path.relative_to(run.folder).as_posix() for path in there} == files
    gzipped = [path for path in there if path.suffix == ".gz"]
    assert bool(gzipped) == FORMATS[run.spec["format"]].gzipped
    if gzipped:
        subprocess.run(["gzip", "-t", *gzipped], check=True)
    seen = 0
    for receipt in run.receipts:
        columns, records = wanted(run, receipt)
        found = read_back(run, receipt, columns)
        assert found.keys() == records.keys()
        for instance, delivered in found.items():
            assert_same_records(run, records[instance], delivered)
            seen += len(delivered)
    selected = run.spec["events"]["select"]
    assert seen == sum(selected == "all" or e.event_name in selected for e in run.lake.events)


def assert_same_records(
    run: Exported, records: dict[Value, list[dict[Place, Value]]], delivered: Sequence[Read]
) -> None:
    """Only events that are equal in everything share their time."""
    times = [text_of(read["", "eventTime"]) for read in delivered]
    assert Counter(times) == {time: len(equal) for time, equal in records.items()}
    if run.spec["sort"]:
        assert list(dict.fromkeys(times)) == list(records)
    for time, read in zip(times, delivered, strict=True):
        assert_same(run, records[time][0], read)


def text_of(read: Value | Cell | Typed) -> Value:
    assert not isinstance(read, Typed)
    return read.text if isinstance(read, Cell) else read


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("format_", FORMATS)
def test_every_event_is_there_once_with_just_its_values(
    tmp_path: Path, format_: str, variant: str
) -> None:
    assert_faithful(exported(tmp_path, "texts", VARIANTS[variant] | {"format": format_}))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "texts"])
@pytest.mark.parametrize("format_", FORMATS)
def test_every_form_of_a_source_gives_just_its_values(
    tmp_path: Path, format_: str, form: str
) -> None:
    assert_faithful(exported(tmp_path, form, BROWSED | {"format": format_}, events=60))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_delivery_is_split_after_just_so_many_records(tmp_path: Path, format_: str) -> None:
    run = exported(tmp_path, "texts", BROWSED | {"format": format_}, split=3)
    assert_faithful(run)
    for receipt in run.receipts:
        series: dict[int, list[int]] = defaultdict(list)
        for file in sorted(receipt.files, key=lambda file: (file.instance, file.index)):
            series[file.instance].append(file.rows)
        for rows in series.values():
            assert rows[:-1] == [3] * (len(rows) - 1)
            assert 1 <= rows[-1] <= 3
    assert any(file.index > 1 for receipt in run.receipts for file in receipt.files)
