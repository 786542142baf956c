"""Strict readers of delivered files: a file -> its records, the same for every format.

A record is {(group, key): what the file says}; what is missing is left out. `FORMATS` has a line
for each format: how its file is read, and when what it says is a value of the source.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from xml.etree import ElementTree

from pyarrow import parquet

from evexport_dagster_tests.contracts.values import (
    NUMBER,
    REPLACEMENT,
    Number,
    Numeral,
    UnreadableError,
    Value,
    number,
    read_exported,
)

GROUPS: Final = ("identity", "profile", "deviceInfo", "commPrefs", "eventProps")
HEAD: Final = ("eventName", "eventTime")
NUMBERS: Final = ("int32", "int64", "float", "double")
VALUE: Final = ("boolean", *NUMBERS, "text")
TEXTS: Final = "text or boolean"
ELEMENT: Final = (TEXTS, *NUMBERS)
PARQUET: Final[Mapping[str, Sequence[str]]] = {
    "eventName": (),
    "timestamp": (),
    "identity": (TEXTS, "list", *NUMBERS),
    "deviceInfo": VALUE,
    "commPrefs": (*VALUE, "map"),
    "profile": VALUE,
    "eventProps": VALUE,
}
"""The columns of a Parquet file, and the types of the members of their unions."""

FORBIDDEN_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Column(NamedTuple):
    """A column: its name in a header, and where its values stand in a record."""

    name: str
    group: str
    key: str


class Cell(NamedTuple):
    """A cell of a CSV file; only a quoted one can be an empty text."""

    text: str
    quoted: bool


Place: TypeAlias = tuple[str, str]
"""(group, key); ("", "eventName") and ("", "eventTime") for what stands before the groups."""


@dataclass(frozen=True)
class Typed:
    """The one value of a union, by the type of its member."""

    type: str
    value: Any


Read: TypeAlias = "Mapping[Place, Value | Cell | Typed]"


@dataclass(frozen=True)
class Reading:
    """How a format is read back. `same(value, read)`: whether the file says the value.

    With `own_order` all properties of a record stand in the order of its row, else in that of
    the columns. `places` are where `read` puts what stands in some places, in their order.
    """

    read: Callable[[bytes, Sequence[Column]], list[Read]]
    same: Callable[[Value, Value | Cell | Typed], bool]
    own_order: bool
    gzipped: bool = True
    places: Callable[[Iterable[Place]], Iterable[Place]] = list


def unpacked(path: Path) -> bytes:
    """The contents of a gzip file whose members carry neither a name nor a time."""
    raw = path.read_bytes()
    if raw[3] != 0 or raw[4:8] != b"\0\0\0\0":
        raise UnreadableError(f"{path.name}: a member carries a name or a time")
    return gzip.decompress(raw)


def cells(text: str) -> list[list[Cell]]:
    """The rows of a CSV text: RFC 4180 with LF, each row ended by one."""
    rows: list[list[Cell]] = [[]]
    at = 0
    while at < len(text):
        cell, at = _quoted(text, at + 1) if text[at] == '"' else _bare(text, at)
        rows[-1].append(cell)
        end = text[at : at + 1]
        if end not in (",", "\n"):
            raise UnreadableError(f"{end!r} after a cell, at {at}")
        if end == "\n":
            rows.append([])
        elif text[at + 1 : at + 2] == "\n":
            rows[-1].append(Cell("", False))
            rows.append([])
            at += 1
        at += 1
    if rows.pop():
        raise UnreadableError("the last row is not ended")
    return rows


def _quoted(text: str, start: int) -> tuple[Cell, int]:
    at = start
    while True:
        at = text.find('"', at)
        if at < 0:
            raise UnreadableError("a quote is not closed")
        if text[at + 1 : at + 2] != '"':
            return Cell(text[start:at].replace('""', '"'), True), at + 1
        at += 2


def _bare(text: str, start: int) -> tuple[Cell, int]:
    at = start
    while at < len(text) and text[at] not in ",\n":
        if text[at] in '"\r\0':
            raise UnreadableError(f"{text[at]!r} in a bare cell")
        at += 1
    return Cell(text[start:at], False), at


def read_csv(data: bytes, columns: Sequence[Column]) -> list[Read]:
    """The records below exactly the header that is expected."""
    text = data.decode("utf-8", errors="strict")
    header, *rows = cells(text)
    names = [cell.text for cell in header]
    assert names == [column.name for column in columns]
    assert len(set(names)) == len(names)
    assert {len(row) for row in rows} <= {len(names)}
    theirs = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert list(theirs) == [[cell.text for cell in row] for row in [header, *rows]]
    return [
        {
            (column.group, column.key): cell
            for column, cell in zip(columns, row, strict=True)
            if cell != Cell("", False)
        }
        for row in rows
    ]


def read_json(data: bytes, columns: Sequence[Column]) -> list[Read]:
    """The records of one object a line, with just the groups of the columns, in their order."""
    groups = {column.group for column in columns}
    expected = [*HEAD, *(group for group in GROUPS if group in {*groups, "eventProps"})]
    *lines, rest = data.decode("utf-8", errors="strict").split("\n")
    assert rest == ""
    return [_members(read_exported(line), expected) for line in lines]


def _members(value: Value, expected: Sequence[str]) -> Read:
    assert isinstance(value, dict)
    assert list(value) == expected
    found: dict[Place, Value | Cell | Typed] = {("", name): value[name] for name in HEAD}
    for group in expected[len(HEAD) :]:
        members = value[group]
        assert isinstance(members, dict)
        assert None not in members.values()
        found |= {(group, key): item for key, item in members.items()}
    return found


def read_xml(data: bytes, columns: Sequence[Column]) -> list[Read]:
    """The records of a document, with just the groups of the columns, in their order."""
    groups = {column.group for column in columns}
    expected = [*HEAD, *(group for group in GROUPS if group in {*groups, "eventProps"})]
    assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?><root>")
    root = ElementTree.fromstring(data)
    assert (root.tag, {event.tag for event in root}) in (("root", {"Event"}), ("root", set()))
    return [_elements(event, expected) for event in root]


def _elements(event: ElementTree.Element, expected: Sequence[str]) -> Read:
    assert [group.tag for group in event] == expected
    name, time, *groups = event
    found: dict[Place, Value | Cell | Typed] = {
        ("", one.tag): Cell(one.text or "", True) for one in (name, time)
    }
    for group in groups:
        assert {entry.tag for entry in group} <= {"entry"}
        assert all([key.tag, value.tag] == ["key", "value"] for key, value in group)
        places = places_in_xml((group.tag, key.text or "") for key, _ in group)
        found |= {
            place: Cell(value.text or "", True)
            for place, (_, value) in zip(places, group, strict=True)
        }
    return found


def places_in_xml(places: Iterable[Place]) -> list[Place]:
    """Keys as XML can hold them; of those that become equal, all are kept, here with a number."""
    seen: Counter[Place] = Counter()
    numbered = []
    for group, key in places:
        plain = (group, FORBIDDEN_IN_XML.sub(REPLACEMENT, key))
        seen[plain] += 1
        numbered.append((group, plain[1] + "\0" * (seen[plain] - 1)))
    return numbered


def same_xml(value: Value, read: Value | Cell | Typed) -> bool:
    """Whether an element says a value: what XML forbids as U+FFFD, lists and objects as JSON."""
    assert isinstance(read, Cell)
    if isinstance(value, str):
        return read.text == FORBIDDEN_IN_XML.sub(REPLACEMENT, value)
    return same_text(_without_nonchars(value), read)


def _without_nonchars(value: Value) -> Value:
    """A value as its JSON text can stand in XML: JSON itself escapes the other controls."""
    if isinstance(value, str):
        return value.replace("\ufffe", REPLACEMENT).replace("\uffff", REPLACEMENT)
    if isinstance(value, list):
        return [_without_nonchars(element) for element in value]
    if isinstance(value, dict):
        return {str(_without_nonchars(key)): _without_nonchars(it) for key, it in value.items()}
    return value


def read_parquet(data: bytes, columns: Sequence[Column]) -> list[Read]:
    """The records of a file, whose columns are always the same."""
    table = parquet.read_table(io.BytesIO(data), page_checksum_verification=True)
    assert table.column_names == list(PARQUET)
    selected = {column.group for column in columns} | {"eventProps"}
    records: list[Read] = []
    for row in table.to_pylist():
        assert [key for key, _ in row["timestamp"]] == ["eventTime"]
        found: dict[Place, Value | Cell | Typed] = {
            ("", "eventName"): Cell(row["eventName"], True),
            ("", "eventTime"): Cell(row["timestamp"][0][1], True),
        }
        for group in GROUPS:
            entries = row[group]
            assert group in selected or entries == []
            assert len({key for key, _ in entries}) == len(entries)
            found |= {(group, key): typed(value, PARQUET[group]) for key, value in entries}
        records.append(found)
    return records


def typed(union: Mapping[str, Any], types: Sequence[str]) -> Typed:
    """The one member of a union that has a value."""
    assert list(union) == [f"member{number}" for number in range(len(types))]
    named = zip(types, union.values(), strict=True)
    (value,) = (Typed(name, value) for name, value in named if value is not None)
    if value.type == "list":
        return Typed("list", [typed(element, ELEMENT) for element in value.value])
    if value.type == "map":
        return Typed("map", {key: typed(element, VALUE) for key, element in value.value})
    return value


def same_typed(value: Value, read: Value | Cell | Typed) -> bool:
    """Whether a member of a union says a value: each number where its type is held in full."""
    if isinstance(read, Cell):
        return same_text(value, read)
    assert isinstance(read, Typed)
    if isinstance(value, dict) and read.type == "map":
        present = {key: item for key, item in value.items() if item is not None}
        return list(present) == list(read.value) and all(
            map(same_typed, present.values(), read.value.values())
        )
    if isinstance(value, list) and read.type == "list":
        items = [item for item in value if item is not None]
        return len(items) == len(read.value) and all(map(same_typed, items, read.value))
    if isinstance(value, bool):
        return read in (Typed("boolean", value), Typed(TEXTS, "true" if value else "false"))
    if isinstance(value, Number):
        return read.type.startswith(type_of(value, read)) and same_number(value, _spelled(read))
    if not isinstance(read.value, str):
        return False
    if isinstance(value, str):
        return read.value == value
    return same_text(value, Cell(read.value, True))


def type_of(value: Number, read: Typed) -> str:
    """The type that holds a number: a whole one may have been spelled as a decimal."""
    held = float(_digits(value)) if value.exponent < 400 else math.inf
    is_held = math.isfinite(held) and number(repr(held)) == value
    if value.exponent < 0 or (read.type == "double" and is_held):
        return "double" if is_held else "text"
    whole = int(value.digits) * 10**value.exponent if value.exponent < 20 else 1 << 64
    whole = -whole if value.negative else whole
    if -(1 << 31) <= whole < 1 << 31:
        return "int32"
    if -(1 << 63) <= whole < 1 << 63:
        return "int64"
    return "text"


def _digits(value: Number) -> str:
    return f"{'-' if value.negative else ''}{value.digits}e{value.exponent}"


def _spelled(read: Typed) -> str:
    return read.value if isinstance(read.value, str) else repr(read.value)


def same_text(value: Value, read: Value | Cell | Typed) -> bool:
    """Whether a cell says a value: lists and objects as JSON, NUL as U+FFFD."""
    assert isinstance(read, Cell)
    text = read.text
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, Number | Numeral):
        return same_number(value.number if isinstance(value, Numeral) else value, text)
    if isinstance(value, str):
        return text == value.replace("\0", REPLACEMENT)
    return same_value(value, read_exported(text))


def same_number(value: Number, text: str) -> bool:
    """Whether a text spells a number, in whatever way JSON allows."""
    return NUMBER.fullmatch(text) is not None and number(text) == value


def same_value(value: Value, read: Value | Cell | Typed) -> bool:
    """Whether two values are the same: type, order of keys, every digit."""
    if isinstance(value, Numeral):
        return isinstance(read, str) and same_number(value.number, read)
    if isinstance(value, dict) and isinstance(read, dict):
        return list(value) == list(read) and all(same_value(value[k], read[k]) for k in value)
    if isinstance(value, list) and isinstance(read, list):
        return len(value) == len(read) and all(map(same_value, value, read))
    return type(value) is type(read) and value == read


FORMATS: Final = {
    "csv": Reading(read_csv, same_text, own_order=False),
    "json": Reading(read_json, same_value, own_order=True),
    "parquet": Reading(read_parquet, same_typed, own_order=True, gzipped=False),
    "xml": Reading(read_xml, same_xml, own_order=True, places=places_in_xml),
}
