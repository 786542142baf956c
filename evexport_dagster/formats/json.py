"""JSON: one compact object a line, valid for strict parsers (product contract, section 4).

A layout may begin a file with a line that is the name of the event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evexport_dagster.columns import EventColumns
from evexport_dagster.formats.cells import (
    Cell,
    Group,
    ObjectColumn,
    PropertyGroups,
    picked_cells,
)
from evexport_dagster.layouts import CLEVERTAP, Layout
from evexport_dagster.strict_json import write
from evexport_dagster.text import sql_literal


class JsonFormat:
    """The format `json`; `formats.base` says what its parts are."""

    name = "json"
    picks_json = True
    flat = False
    any_number_passes = True
    begin = "{"
    separator = ","
    end = "}\n"

    def __init__(self, layout: Layout = CLEVERTAP) -> None:
        self._properties, self._is_titled = layout.properties, layout.is_titled
        self._groups = PropertyGroups(layout)

    def group(self, group: Group) -> str:
        if not group.name:
            return _joined(group)
        before, after = (sql_literal(it) for it in self.around(group.name))
        return f"{before} || coalesce({_joined(group)}, '') || {after}"

    def members(self, group: Group) -> str:
        return f"nullif({_joined(group)}, '')"

    def around(self, group: str) -> tuple[str, str]:
        return f"{_json(group)}:{{", "}"

    def properties(self, columns: EventColumns, whole: str, picked: str) -> str | None:
        return f"'{sql_key(self._properties)}' || {self._members(columns, whole, picked)}"

    def apart(self, columns: EventColumns, whole: ObjectColumn) -> str:
        return self._groups.apart(columns, whole.text, self._apart(columns, whole))

    def _apart(self, columns: EventColumns, whole: ObjectColumn) -> str:
        if columns.listed:
            return whole.exact
        if columns.is_as_in_source and not columns.renames:
            return "false"
        renames = _simple_renames(columns)
        return "true" if renames is None else f"{whole.exact} OR {_hides(whole.text, renames)}"

    def piece(self, members: Mapping[str, Any], columns: EventColumns) -> str:
        groups = self._groups.members(members, columns)
        return self.separator.join(f"{_json(label)}:{write(values)}" for label, values in groups)

    def needs_picked(self, columns: EventColumns) -> bool:
        return columns.listed

    def event_name(self, label: str, event: str) -> str:
        return f"{_json(label)}:{_json(event)}"

    def around_time(self, label: str, *, is_number: bool) -> tuple[str, str]:
        quote = "" if is_number else '"'
        return f"{_json(label)}:{quote}", quote

    def heading(self, event: str, labels: Sequence[str]) -> Sequence[str]:
        return [event.replace("\r", "\\r").replace("\n", "\\n")]

    def header(self, heading: Sequence[str]) -> bytes:
        return f"{heading[0]}\n".encode() if self._is_titled else b""

    def footer(self) -> bytes:
        return b""

    def scrubbed(self, chunk: memoryview) -> tuple[bytes | memoryview, int]:
        return chunk, 0

    def count(self, chunks: Iterable[bytes]) -> int:
        return sum(map(_line_ends, chunks)) - self._is_titled

    def _members(self, columns: EventColumns, whole: str, picked: str) -> str:
        if columns.listed:
            return _object(Group(self._properties, picked_cells(columns.columns, picked)))
        return _replaced(whole, _simple_renames(columns) or {})


def _line_ends(chunk: bytes) -> int:
    """Their number: `find` leaps from one to the next, `count` looks at each byte."""
    found, at = 0, chunk.find(b"\n")
    while at >= 0:
        found += 1
        at = chunk.find(b"\n", at + 1)
    return found


_BEHIND_TEXT = (",", ":", "}", "]")


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def sql_key(name: str) -> str:
    """A member's key and colon as the inside of a SQL literal."""
    return sql_literal(f"{_json(name)}:")[1:-1]


def _object(group: Group) -> str:
    """SQL for an object of the cells that have a value."""
    return f"'{{' || coalesce({_joined(group)}, '') || '}}'"


def _joined(group: Group) -> str:
    """SQL for the members of an object; those without a value are left out."""
    members = [f"'{sql_key(cell.label)}' || {_value(cell)}" for cell in group.cells]
    return f"array_to_string([{', '.join(members)}]::VARCHAR[], ',')"


def _value(cell: Cell) -> str:
    return f"coalesce({cell.json}, 'null')" if cell.always else cell.json


def _simple_renames(columns: EventColumns) -> dict[str, str] | None:
    """Source name -> label, where a replacement of keys in the text can do no harm: nothing is
    merged, no new label is the name of a source, no name needs an escape, or could be what follows
    the closing quote of another text."""
    if any(len(column.sources) > 1 for column in columns.columns):
        return None
    renamed = {c.sources[0]: c.label for c in columns.columns if c.sources[0] != c.label}
    risky = any(_json(name) != f'"{name}"' or name.startswith(_BEHIND_TEXT) for name in renamed)
    return None if risky or columns.sources & set(renamed.values()) else renamed


def _hides(text: str, renames: Mapping[str, str]) -> str:
    """SQL condition on a harmless text: a replacement could miss a key, or hit one that is not of
    the first level. What it is must not depend on which keys are known by now, but where `piece`
    spells a record as a replacement does."""
    escaped = " OR ".join(f"contains({text}, '{escape}')" for escape in (r"\u", r"\/"))
    inner = f"flatten(json_keys({text}, '$..*'))"
    names = ", ".join(map(sql_literal, renames))
    twice = f" OR list_has_any({inner}, [{names}])" if names else ""
    is_nested = f"contains(substr({text}, 2), '{{')"
    return f"{escaped} OR ({is_nested} AND (contains({text}, '\\'){twice}))"


def _replaced(text: str, renames: Mapping[str, str]) -> str:
    """SQL that renames keys of a text for which `_hides` is false: there a quoted name behind a
    comma and before a colon is a key; the first is put behind a comma, too."""
    if not renames:
        return text
    members = f"',' || substr({text}, 2)"
    for source, label in renames.items():
        old, new = (sql_literal(f",{_json(name)}:") for name in (source, label))
        members = f"replace({members}, {old}, {new})"
    return f"'{{' || substr({members}, 2)"
