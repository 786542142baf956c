"""Files of the legacy layout, compared field by field with a reading of its documents."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.exports import load_project
from evexport_dagster.ledger import Receipt
from evexport_dagster_tests.cli.conftest import run_cli
from evexport_dagster_tests.contracts.reading import (
    Cell,
    Column,
    Place,
    Read,
    places_in_xml,
    same_text,
    same_typed,
    same_value,
    same_xml,
    unpacked,
)
from evexport_dagster_tests.contracts.values import Number, Value, number, read_exported
from evexport_dagster_tests.layouts import expected, reading
from evexport_dagster_tests.layouts.lakes import DAYS, NAME, NOW, ZONE, Lake, Row, make, write

IDENTIFIERS = ["Phone", "Identity", "Email"]
SPEC: dict[str, Any] = {"layout": "legacy", "identity": {"identifiers": IDENTIFIERS}}
PREFIXES = {
    "": "",
    "profile": "profile.",
    "deviceInfo": "deviceInfo.",
    "eventProps": "eventproperties.",
    "sessionProps": "sessionproperties.",
}


def delivered(folder: Path) -> tuple[Receipt, ...]:
    """The receipts of the export, run in Python."""
    with load_project(folder, clock=lambda: NOW) as project:
        return project.run(NAME).receipts


def day_of(row: Row) -> Any:
    return row.event.event_time.astimezone(ZONE).date()


def columns_of(lake: Lake, name: str, day: Any) -> list[Column]:
    """The header of an event's files: properties of event and session as they were first seen."""
    fields = [("", "ts"), ("", "eventName")]
    fields += [("profile", key) for key in expected.PROFILE]
    fields += [("deviceInfo", key) for key in expected.DEVICE]
    rows = [row for row in lake.rows if row.event.event_name == name and day_of(row) <= day]
    seen: dict[Place, None] = {}
    for row in sorted(rows, key=day_of):
        keys = [("eventProps", key) for key in expected.members(row.event.event_props)]
        keys += [("sessionProps", key) for key in expected.members(row.session)]
        seen |= dict.fromkeys(sorted(keys, key=lambda it: _named(*it)))
    return list(_columns([*fields, *seen]))


def _columns(fields: Sequence[Place]) -> list[Column]:
    taken: set[str] = set()
    columns = []
    for group, key in fields:
        plain = PREFIXES[group] + key.replace("\0", "\ufffd")
        name = qualified = plain if plain not in taken else f"eventProps.{plain}"
        count = 1
        while name in taken:
            count += 1
            name = f"{qualified}_{count}"
        taken.add(name)
        columns.append(Column(name, group, key))
    return columns


def _named(group: str, key: str) -> str:
    """What the session's keys are told apart by among those of the event."""
    return f"sessionproperties.{key}" if group == "sessionProps" else key


def records_of(format_: str, data: bytes, name: str, columns: Sequence[Column]) -> list[Read]:
    if format_ == "json":
        return reading.json_records(data, name)
    if format_ == "csv":
        return reading.csv_records(data, columns)
    return {"xml": reading.xml_records, "parquet": reading.parquet_records}[format_](data)


def same(format_: str, place: Place, value: Value, read: Any) -> bool:
    """Whether a file says a value, at a place where the formats may differ."""
    if place == ("", "ts"):
        assert isinstance(value, str)
        return bool(read == number(value)) if format_ == "json" else bool(read.text == value)
    if format_ == "json":
        return same_value(value, read)
    if format_ == "xml":
        if isinstance(read, list):
            assert isinstance(value, list)
            return len(value) == len(read) and all(
                same_xml(one, Cell(text, True)) for one, text in zip(value, read, strict=True)
            )
        return same_xml(value, read)
    if format_ == "parquet" and isinstance(read, Cell) and isinstance(value, str):
        return read.text == value
    return same_text(value, read) if isinstance(read, Cell) else same_typed(value, read)


def assert_faithful(folder: Path, lake: Lake, receipts: Sequence[Receipt], format_: str) -> None:
    """Each event is in a file of its name, day and instance, once, with just its values."""
    seen = 0
    keys = {file.key for receipt in receipts for file in receipt.files}
    there = {it.name for it in (folder / "out").iterdir()}
    assert there == keys
    for receipt in receipts:
        day = receipt.window_start.astimezone(ZONE).date()
        columns = columns_of(lake, receipt.event, day)
        wanted: dict[int, list[Row]] = defaultdict(list)
        for row in lake.rows:
            if row.event.event_name == receipt.event and day_of(row) == day:
                wanted[row.event.instance_id].append(row)
        found: dict[int, list[Read]] = defaultdict(list)
        for file in sorted(receipt.files, key=lambda it: it.index):
            data = unpacked(folder / "out" / file.key)
            assert file.bytes <= 100_000_000
            found[file.instance] += records_of(format_, data, receipt.event, columns)
        assert {it: len(rows) for it, rows in found.items()} == {
            it: len(rows) for it, rows in wanted.items()
        }
        for instance, rows in wanted.items():
            _assert_same(lake, rows, found[instance], format_)
            seen += len(rows)
    assert seen == len(lake.rows)


def _assert_same(lake: Lake, rows: Sequence[Row], found: Sequence[Read], format_: str) -> None:
    by_time = {_ts(record["", "ts"]): record for record in found}
    times = Counter(_ts(record["", "ts"]) for record in found)
    assert times == Counter(expected.compact(row.event.event_time) for row in rows)
    for row in rows:
        record = expected.legacy(row, lake, IDENTIFIERS)
        read = by_time[expected.compact(row.event.event_time)]
        wrong = {
            place: (record.get(place, "nothing"), read.get(place, "nothing"))
            for place in _places(format_, record).keys() | read.keys()
            if not _is_same(format_, place, _places(format_, record), read)
        }
        assert not wrong, (row, wrong)


def _places(format_: str, record: Mapping[Place, Value]) -> Mapping[Place, Value]:
    if format_ != "xml":
        return record
    return dict(zip(places_in_xml(record), record.values(), strict=True))


def _is_same(format_: str, place: Place, record: Mapping[Place, Value], read: Read) -> bool:
    return place in record and place in read and same(format_, place, record[place], read[place])


def _ts(value: Any) -> str:
    if isinstance(value, Number):
        return str(int(value.digits) * 10**value.exponent)
    return str(value.text)


@pytest.mark.parametrize("format_", ["json", "csv", "xml", "parquet"])
def test_every_event_is_there_with_just_the_fields_of_the_document(
    tmp_path: Path, format_: str
) -> None:
    lake = make(7, 110)
    write(lake, tmp_path, {**SPEC, "format": format_})
    assert_faithful(tmp_path, lake, delivered(tmp_path), format_)


def test_the_command_line_delivers_and_previews_the_same(tmp_path: Path) -> None:
    lake = make(8, 60)
    write(lake, tmp_path, {**SPEC, "format": "json"})
    shown = run_cli("preview", NAME, "--project", tmp_path, "--json")
    assert shown.code == 0, shown.err
    assert run_cli("create", NAME, "--project", tmp_path).code == 0
    ran = run_cli("run", NAME, "--project", tmp_path, "--json")
    assert ran.code == 0, ran.err
    with load_project(tmp_path) as project:
        detail = project.show(NAME)
        receipts = detail.receipts
    assert_faithful(tmp_path, lake, receipts, "json")
    files = {path.name: gzip.decompress(path.read_bytes()) for path in (tmp_path / "out").iterdir()}
    lines = {line for data in files.values() for line in data.decode().split("\n")}
    for records in shown.document["records"].values():
        assert records
        assert set(records) <= lines


def test_files_are_named_by_export_run_event_day_index_and_database(tmp_path: Path) -> None:
    lake = make(9, 40)
    write(lake, tmp_path, {**SPEC, "format": "csv", "events": {"select": ["a/b"]}})
    with load_project(tmp_path, clock=lambda: NOW) as project:
        result = project.run(NAME)
    for receipt in result.receipts:
        stamp = int(receipt.window_end.timestamp())
        day = receipt.window_end.astimezone(ZONE).strftime("%Y%m%d")
        for file in receipt.files:
            assert file.key == (
                f"{result.export_id}-{stamp}-a-b-{day}-{file.index}-{file.instance}.csv.gz"
            )
    assert len(result.receipts) == (DAYS[1] - DAYS[0]).days + 1


def test_as_string_makes_texts_of_every_scalar(tmp_path: Path) -> None:
    write(make(10, 60), tmp_path, {**SPEC, "format": "json", "as_string": True})
    delivered(tmp_path)
    scalars = [
        value
        for path in (tmp_path / "out").iterdir()
        for line in gzip.decompress(path.read_bytes()).decode().split("\n")[1:-1]
        for value in _scalars(read_exported(line))
    ]
    assert scalars
    assert all(isinstance(value, str) for value in scalars)


def _scalars(value: Value) -> list[Value]:
    if isinstance(value, dict):
        return [it for member in value.values() for it in _scalars(member)]
    if isinstance(value, list):
        return [it for member in value for it in _scalars(member)]
    return [] if value is None else [value]


@pytest.mark.parametrize("format_", ["json", "xml", "parquet"])
def test_listed_properties_of_the_session_stand_in_its_group(tmp_path: Path, format_: str) -> None:
    lake = make(11, 60)
    listed = ["z", {"name": "sessionproperties.utm_source", "as": "source"}]
    write(
        lake,
        tmp_path,
        {**SPEC, "format": format_, "events": {"select": "all", "properties": listed}},
    )
    read = [
        record.get(("sessionProps", "source"))
        for receipt in delivered(tmp_path)
        for file in receipt.files
        for record in records_of(format_, unpacked(tmp_path / "out" / file.key), receipt.event, [])
        if {key for group, key in record if group == "sessionProps"} <= {"source"}
    ]
    wanted = [expected.members(row.session).get("utm_source") for row in lake.rows]
    assert len(read) == len(wanted)
    assert sum(it is not None for it in read) == sum(it is not None for it in wanted) > 0


def test_properties_of_the_session_are_forbidden_by_their_own_names(tmp_path: Path) -> None:
    write(make(12, 40), tmp_path, {**SPEC, "format": "json", "pii": {"forbid": ["utm_source"]}})
    with pytest.raises(SpecError, match=r"'utm_source' as 'sessionproperties\.utm_source'"):
        delivered(tmp_path)
    assert not (tmp_path / "out").exists()


def test_properties_of_the_session_are_hidden_by_their_own_names(tmp_path: Path) -> None:
    pii = {"forbid": ["utm_source"], "fields": {"utm_source": "mask"}}
    write(make(12, 40), tmp_path, {**SPEC, "format": "json", "pii": pii})
    texts = {
        str(record["sessionProps", "utm_source"])
        for receipt in delivered(tmp_path)
        for file in receipt.files
        for record in records_of("json", unpacked(tmp_path / "out" / file.key), receipt.event, [])
        if ("sessionProps", "utm_source") in record
    }
    assert texts
    assert not any("a,b" in text for text in texts)
