"""What a format is: the SQL that renders a record, and the framing of the file around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from evexport_dagster.columns import EventColumns
from evexport_dagster.formats.cells import Group, ObjectColumn


class Format(Protocol):
    """A format whose records DuckDB renders as whole pieces of text, line end included."""

    name: str
    """`csv`, `json` and so on."""

    picks_json: bool
    """Whether it takes members of objects as JSON text, else as plain text."""

    flat: bool
    """Whether labels must be unique across groups (a header row)."""

    any_number_passes: bool
    """Whether numbers of any length pass through where nothing is picked."""

    def group(self, group: Group) -> str:
        """SQL for the piece of a record that a group is; NULL cells are missing."""

    def properties(
        self, columns: EventColumns, whole: ObjectColumn, picked: str, *, as_is: bool
    ) -> str | None:
        """SQL for the piece that the event's properties are; None where there is none.

        `picked` names the list of the columns' sources; `as_is` tells that no row has a
        property that is not exported.
        """

    def needs_picked(self, columns: EventColumns) -> bool:
        """Whether `properties` takes members out one by one."""

    def record(self, label: str, time: str, pieces: Sequence[str]) -> str:
        """SQL for a whole record, from the event's label (text), its time (SQL) and its pieces."""

    def header(self, labels: Sequence[str]) -> bytes:
        """What a file begins with."""

    def footer(self) -> bytes:
        """What a file ends with."""

    def scrubbed(self, chunk: memoryview) -> tuple[bytes | memoryview, int]:
        """Rendered records as they may be written, and how many NULs were replaced."""

    def count(self, chunks: Iterable[bytes]) -> int:
        """The records of a file, read back from its uncompressed bytes."""
