"""Every event is delivered once, and every value of it is exactly what the source says.

What the files hold is compared with a projection written from the contract alone, for lakes that
are as hostile as lakes get.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from evexport_dagster.exports import load_project
from evexport_dagster.ledger import Receipt
from evexport_dagster_tests.contracts.expected import project
from evexport_dagster_tests.contracts.reading import FORMATS, Cell, Column, Place, Read, unpacked
from evexport_dagster_tests.contracts.ugly import FORMS, Event, Lake
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
    events: int = 200,
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


def day_of(event: Event) -> date:
    return event.event_time.astimezone(ZONE).date()


def first_seen(run: Exported, name: str, until: date) -> list[Event]:
    """The events of a name up to a day: those of a day in the order of the source."""
    events = [e for e in run.lake.events if e.event_name == name and day_of(e) <= until]
    return sorted(events, key=day_of)


def deliveries(run: Exported) -> Iterator[tuple[Receipt, list[Event]]]:
    """Each receipt with the events up to the end of its window."""
    for receipt in run.receipts:
        yield receipt, first_seen(run, receipt.event, receipt.window_start.astimezone(ZONE).date())


def read_back(run: Exported, receipt: Receipt, columns: Sequence[Column]) -> dict[int, list[Read]]:
    """The records of a delivery, by instance."""
    found: dict[int, list[Read]] = defaultdict(list)
    for file in sorted(receipt.files, key=lambda file: (file.instance, file.index)):
        path = run.folder / file.key
        records = FORMATS[run.spec["format"]].read(unpacked(path), columns)
        assert len(records) == file.rows > 0
        found[file.instance] += records
    return found


def assert_same(run: Exported, expected: dict[Place, Value], read: Read) -> None:
    reading = FORMATS[run.spec["format"]]
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
    seen = 0
    for receipt, events in deliveries(run):
        here = [e for e in events if day_of(e) == day_of(events[-1])] if events else []
        if not events or receipt.window_start.astimezone(ZONE).date() != day_of(events[-1]):
            assert receipt.files == ()
            continue
        projection = project(run.spec, ZONE, events, run.lake.profiles)
        wanted: dict[int, dict[Value, list[dict[Place, Value]]]] = {}
        for event, record in zip(here, projection.records[-len(here) :], strict=True):
            at = record["", "eventTime"]
            wanted.setdefault(event.instance_id, {}).setdefault(at, []).append(record)
        found = read_back(run, receipt, projection.columns)
        assert found.keys() == wanted.keys()
        for instance, records in found.items():
            for read in records:
                assert_same(run, wanted[instance][text_of(read["", "eventTime"])].pop(), read)
            assert not any(wanted[instance].values())
        seen += len(here)
    selected = run.spec["events"]["select"]
    assert seen == sum(selected == "all" or e.event_name in selected for e in run.lake.events)


def text_of(read: Value | Cell) -> Value:
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


@pytest.mark.parametrize("format_", FORMATS)
def test_sorted_records_stand_in_the_order_of_time(tmp_path: Path, format_: str) -> None:
    run = exported(tmp_path, "texts", BROWSED | {"format": format_, "sort": True})
    for receipt, events in deliveries(run):
        columns = project(run.spec, ZONE, events, run.lake.profiles).columns if events else ()
        for records in read_back(run, receipt, columns).values():
            times = [int(str(text_of(record["", "eventTime"]))) for record in records]
            assert times == sorted(times)


@pytest.mark.parametrize("format_", FORMATS)
def test_files_are_accepted_by_gzip_itself(tmp_path: Path, format_: str) -> None:
    run = exported(tmp_path, "texts", BROWSED | {"format": format_}, events=20)
    files = [path for path in run.folder.rglob("*.gz") if path.is_file()]
    assert {path.relative_to(run.folder).as_posix() for path in files} == {
        file.key for receipt in run.receipts for file in receipt.files
    }
    subprocess.run(["gzip", "-t", *files], check=True)
