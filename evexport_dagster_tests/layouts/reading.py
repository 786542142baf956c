"""Strict readers of files of the legacy layout: a file -> its records by (group, key)."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from pyarrow import parquet

from evexport_dagster_tests.contracts.reading import (
    VALUE,
    Cell,
    Column,
    Place,
    Read,
    places_in_xml,
    read_csv,
    typed,
)
from evexport_dagster_tests.contracts.values import Value, read_exported
from evexport_dagster_tests.layouts.expected import DEVICE, PROFILE

MEMBERS = ["ts", "eventName", "profile", "deviceInfo", "eventProps"]
SESSION = "sessionProps"
"""The group that is behind the others where a record has any of its properties."""


def json_records(data: bytes, name: str) -> list[Read]:
    """The records below a first line that is the name of the event."""
    title, *lines, rest = data.decode("utf-8", errors="strict").split("\n")
    assert title == name.replace("\n", "\\n")
    assert rest == ""
    return [_record(read_exported(line)) for line in lines]


def _record(value: Value) -> Read:
    assert isinstance(value, dict)
    assert list(value) in (MEMBERS, [*MEMBERS, SESSION])
    assert value.get(SESSION) != {}
    found: dict[Place, Any] = {("", key): value[key] for key in MEMBERS[:2]}
    for group in [*value][2:]:
        members = value[group]
        assert isinstance(members, dict)
        assert None not in members.values()
        found |= {(group, key): item for key, item in members.items()}
    return found


def csv_records(data: bytes, columns: Sequence[Column]) -> list[Read]:
    """The records below exactly the header that is expected."""
    return read_csv(data, columns)


def xml_records(data: bytes) -> list[Read]:
    """The records of a document: an element for each value, entries for properties."""
    assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?><root>")
    root = ElementTree.fromstring(data)
    assert root.tag == "root"
    return [_elements(event) for event in root]


def _elements(event: ElementTree.Element) -> Read:
    assert event.tag == "Event"
    assert [group.tag for group in event] in (MEMBERS, [*MEMBERS, SESSION])
    ts, name, profile, device, *objects = event
    found: dict[Place, Any] = {("", it.tag): Cell(it.text or "", True) for it in (ts, name)}
    for group in (profile, device):
        texts: dict[str, list[str]] = defaultdict(list)
        for element in group:
            assert not len(element)
            texts[element.tag].append(element.text or "")
        for key, values in texts.items():
            is_list = key == "all_identities"
            assert is_list or len(values) == 1
            found[group.tag, key] = values if is_list else Cell(values[0], True)
    for group in objects:
        assert all([it.tag for it in entry] == ["key", "value"] for entry in group)
        assert len(group) or group.tag != SESSION
        places = places_in_xml((group.tag, key.text or "") for key, _ in group)
        values_ = (Cell(value.text or "", True) for _, value in group)
        found |= dict(zip(places, values_, strict=True))
    return found


def parquet_records(data: bytes) -> list[Read]:
    """The records of a file whose columns are always the same."""
    table = parquet.read_table(io.BytesIO(data), page_checksum_verification=True)
    assert table.column_names == [*MEMBERS, SESSION]
    assert str(table.schema.field("ts").type) == "int64"
    for group, fields in (("profile", PROFILE), ("deviceInfo", DEVICE)):
        kind = table.schema.field(group).type
        assert [(it.name, str(it.type)) for it in kind] == [(it, "string") for it in fields]
    records: list[Read] = []
    for row in table.to_pylist():
        found: dict[Place, Any] = {
            ("", "ts"): Cell(str(row["ts"]), True),
            ("", "eventName"): Cell(row["eventName"], True),
        }
        for group in ("profile", "deviceInfo"):
            present = {key: text for key, text in row[group].items() if text is not None}
            found |= {(group, key): Cell(text, True) for key, text in present.items()}
        for group in ("eventProps", SESSION):
            found |= {(group, key): typed(value, VALUE) for key, value in row[group]}
        records.append(found)
    return records
