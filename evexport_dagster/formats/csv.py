"""CSV: a header row, RFC 4180 quoting, UTF-8, LF (product contract, section 4).

A missing value is blank, an empty text is `""`; lists and objects are JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evexport_dagster.columns import EventColumns, relabelled
from evexport_dagster.compiled.counting import has_nul, line_ends
from evexport_dagster.compiled.records import Filled
from evexport_dagster.compiled.values import AS_CELL
from evexport_dagster.formats.cells import Group

_NUL_REPLACED = "\ufffd".encode()


class CsvFormat:
    """The format `csv`; `formats.base` says what its parts are."""

    name = "csv"
    picks_json = False
    flat = True
    way = AS_CELL
    begin = ""
    separator = ","
    end = "\n"

    def group(self, group: Group) -> str:
        return self.members(group)

    def members(self, group: Group) -> str:
        return _cells(f"[{', '.join(cell.text for cell in group.cells)}]::VARCHAR[]")

    def around(self, group: str) -> tuple[str, str]:
        return "", ""

    def properties(self, places: Mapping[str, int], columns: EventColumns) -> Filled:
        values = relabelled(places, columns)
        cells = ([values[it.label]] if it.label in values else [] for it in columns.columns)
        return [part for cell in cells for part in (",", *cell)][1:]

    def event_name(self, label: str, event: str) -> str:
        return _quoted(event)

    def around_time(self, label: str, *, is_number: bool) -> tuple[str, str]:
        return "", ""

    def heading(self, event: str, labels: Sequence[str]) -> Sequence[str]:
        return labels

    def header(self, heading: Sequence[str]) -> bytes:
        return (",".join(map(_quoted, heading)) + "\n").encode()

    def footer(self) -> bytes:
        return b""

    def scrubbed(self, chunk: memoryview) -> tuple[bytes | memoryview, int]:
        if not has_nul(chunk):
            return chunk, 0
        text = bytes(chunk)
        return text.replace(b"\0", _NUL_REPLACED), text.count(0)

    def count(self, chunks: Iterable[bytes]) -> int:
        rows, quoted = -1, False
        for chunk in chunks:
            found, quoted = line_ends(chunk, quoted=quoted)
            rows += found
        return rows


def _cells(texts: str) -> str:
    """SQL for the cells of a VARCHAR[], quoted where needed, joined by commas."""
    special = " OR ".join(f"contains(x, {char})" for char in ("','", "'\"'", "chr(10)", "chr(13)"))
    quoted = "'\"' || replace(x, '\"', '\"\"') || '\"'"
    cell = f"CASE WHEN x IS NULL THEN '' WHEN x = '' OR {special} THEN {quoted} ELSE x END"
    return f"array_to_string(list_transform({texts}, lambda x: {cell}), ',')"


def _quoted(text: str) -> str:
    special = text == "" or any(char in text for char in ',"\n\r')
    return '"' + text.replace('"', '""') + '"' if special else text
