"""JSON: one compact object a line, valid for strict parsers (product contract, section 4).

A layout may begin a file with a line that is the name of the event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from evexport_dagster.columns import EventColumns
from evexport_dagster.compiled.counting import line_feeds
from evexport_dagster.compiled.records import WHOLE, Filled
from evexport_dagster.compiled.values import AS_JSON
from evexport_dagster.formats.cells import Cell, Group, PropertyGroups
from evexport_dagster.layouts import CLEVERTAP, Layout
from evexport_dagster.text import sql_literal


class JsonFormat:
    """The format `json`; `formats.base` says what its parts are."""

    name = "json"
    picks_json = True
    flat = False
    way = AS_JSON
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

    def properties(self, places: Mapping[str, int], columns: EventColumns) -> Filled:
        groups = self._groups.members(places, columns)
        return [
            part
            for number, (label, values) in enumerate(groups)
            for part in (f"{',' if number else ''}{_json(label)}:", *_filled(places, values))
        ]

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
        return sum(map(line_feeds, chunks)) - self._is_titled


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def sql_key(name: str) -> str:
    """A member's key and colon as the inside of a SQL literal."""
    return sql_literal(f"{_json(name)}:")[1:-1]


def _filled(places: Mapping[str, int], values: Mapping[str, int]) -> Filled:
    """An object with these labels and values; the one that they come from where that is it."""
    if [*values.items()] == [*places.items()]:
        return [WHOLE]
    members = (
        part
        for number, (label, place) in enumerate(values.items())
        for part in (f"{',' if number else ''}{_json(label)}:", place)
    )
    return ["{", *members, "}"]


def _joined(group: Group) -> str:
    """SQL for the members of an object; those without a value are left out."""
    members = [f"'{sql_key(cell.label)}' || {_value(cell)}" for cell in group.cells]
    return f"array_to_string([{', '.join(members)}]::VARCHAR[], ',')"


def _value(cell: Cell) -> str:
    return f"coalesce({cell.json}, 'null')" if cell.always else cell.json
