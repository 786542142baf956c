"""The cells of a record: for each output value two SQL expressions, as JSON and as plain text.

A format takes the one it needs. Both are NULL where the value is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evexport_dagster.columns import Column, EventColumns, relabelled
from evexport_dagster.layouts import Layout
from evexport_dagster.text import json_pointer, sql_literal


@dataclass(frozen=True)
class Cell:
    """One value of a record: its label, and SQL for it as JSON text and as plain text; the keys
    of the members that it may be, where it is one of an object.

    `items` is SQL for the texts in it, where it is a list of texts. `always`: it is there with
    null where it is missing.
    """

    label: str
    json: str
    text: str
    keys: tuple[str, ...] = ()
    items: str | None = None
    always: bool = False


@dataclass(frozen=True)
class Group:
    """A named group of cells, such as `identity` or `deviceInfo`; '' is the record itself."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its cells, in order."""
        return tuple(cell.label for cell in self.cells)


@dataclass(frozen=True)
class PropertyGroups:
    """The groups of the properties of an event: its own, and those of its session where a layout
    has them."""

    layout: Layout

    def columns(self, columns: EventColumns) -> dict[str, EventColumns]:
        """The columns of each group by its label; that of the session if it has any."""
        if self.layout.session is None or self.layout.session_prefix is None:
            return {self.layout.properties: columns}
        session, own = columns.parted(self.layout.session_prefix)
        found = {self.layout.properties: own}
        return found | {self.layout.session: session} if session.columns else found

    def members(
        self, members: Mapping[str, Any], columns: EventColumns
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each group with the members of an object that stand in it; that of the session if it
        has any."""
        for label, its in self.columns(columns).items():
            values = relabelled(members, its)
            if values or label == self.layout.properties:
                yield label, values


@dataclass(frozen=True)
class ObjectColumn:
    """A column with a cleaned JSON object, and the SQL flag of rows that need the exact path."""

    text: str
    exact: str

    def picked(self, keys: Sequence[str], *, as_json: bool) -> str:
        """SQL for a VARCHAR[] of the members `keys`, as JSON text or as plain text."""
        listed = sql_literal(json.dumps(list(keys), ensure_ascii=False))
        exact = f"{'exact_values' if as_json else 'exact_texts'}({self.text}, {listed})"
        fast = picked_fast(self.text, keys, as_json=as_json)
        return f"CASE WHEN {self.exact} THEN {exact} ELSE {fast} END"


def picked_fast(text: str, keys: Sequence[str], *, as_json: bool) -> str:
    """SQL for a VARCHAR[] of the members `keys` of an object that needs no exact path."""
    pointers = f"[{', '.join(sql_literal(json_pointer(key)) for key in keys)}]::VARCHAR[]"
    if as_json:
        return f"json_extract({text}, {pointers})::VARCHAR[]"
    return f"json_extract_string({text}, {pointers})"


def text_cell(label: str, expression: str) -> Cell:
    """The cell of a text column."""
    return Cell(label, f"to_json({expression})", expression)


def picked_cells(columns: Sequence[Column], picked: str) -> tuple[Cell, ...]:
    """The cells of columns whose sources stand in the list `picked`, one after the other."""
    cells, position = [], 1
    for column in columns:
        values = [f"{picked}[{position + n}]" for n in range(len(column.sources))]
        position += len(values)
        value = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
        cells.append(Cell(column.label, value, value, column.sources))
    return tuple(cells)
