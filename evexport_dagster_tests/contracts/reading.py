"""Strict readers of delivered files: a file -> its records, the same for every format.

A record is {(group, key): what the file says}; what is missing is left out. `FORMATS` has a line
for each format: how its file is read, and when what it says is a value of the source.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

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

Read: TypeAlias = "Mapping[Place, Value | Cell]"


@dataclass(frozen=True)
class Reading:
    """How a format is read back. `same(value, read)`: whether the file says the value.

    With `own_order` all properties of a record stand in the order of its row, else in that of
    the columns.
    """

    read: Callable[[bytes, Sequence[Column]], list[Read]]
    same: Callable[[Value, Value | Cell], bool]
    own_order: bool


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
    found: dict[Place, Value | Cell] = {("", name): value[name] for name in HEAD}
    for group in expected[len(HEAD) :]:
        members = value[group]
        assert isinstance(members, dict)
        assert None not in members.values()
        found |= {(group, key): item for key, item in members.items()}
    return found


def same_text(value: Value, read: Value | Cell) -> bool:
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


def same_value(value: Value, read: Value | Cell) -> bool:
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
}
