"""Where results go: text for people or one JSON document; colours on a terminal only."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Document: TypeAlias = Mapping[str, object]

# What would move the cursor, change colours, or turn the direction of what is around it.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Grid:
    """A table: the names of its columns, its rows, and which columns are numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Output:
    """The results of one command: `say` reaches people, `document` reaches scripts."""

    as_json: bool

    def say(self, *blocks: str | Grid, style: str = "") -> None:
        """Shows texts and tables, each on lines of its own."""
        if self.as_json:
            return
        console = _console(stderr=False)
        for block in blocks:
            if isinstance(block, str):
                console.print(Text(printable(block), style=style), soft_wrap=True)
            elif console.is_terminal:
                console.print(_table(block))
            else:
                console.print(Text(aligned(block)), soft_wrap=True)

    def title(self, text: str) -> None:
        """Shows the heading of what follows."""
        self.say("", text, style="bold")

    def document(self, value: Document) -> None:
        """Writes the one JSON document."""
        if self.as_json:
            print_document(value)


def print_document(value: Document) -> None:
    """Writes a JSON document to standard output, in ASCII: it is right in every locale."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
    sys.stdout.flush()


def warn(text: str, *, style: str = "yellow") -> None:
    """Writes to standard error."""
    _console(stderr=True).print(Text(printable(text), style=style), soft_wrap=True)


def printable(text: str) -> str:
    """Text of any origin, safe on a terminal: what is not a character to look at is escaped."""
    return "\n".join(_UNSAFE.sub(_escape, line) for line in text.split("\n"))


def aligned(grid: Grid) -> str:
    """A table as plain text: columns two spaces apart, numbers to the right."""
    rows = (grid.columns, *(_cells(row) for row in grid.rows))
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    right = [name in grid.numbers for name in grid.columns]
    return "\n".join(_line(row, widths, right) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = []
    for cell, width, is_number in zip(row, widths, right, strict=True):
        room = " " * (width - cell_len(cell))
        cells.append(room + cell if is_number else cell + room)
    return "  ".join(cells).rstrip()


def _table(grid: Grid) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in grid.columns:
        table.add_column(name, justify="right" if name in grid.numbers else "left", overflow="fold")
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in _cells(row)))
    return table


def _cells(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(_UNSAFE.sub(_escape, cell) for cell in row)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
