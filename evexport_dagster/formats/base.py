"""What a format is: the SQL that renders a record, and the framing of the file around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

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

    def properties(self, columns: EventColumns, whole: str, picked: str) -> str | None:
        """SQL for the piece that the event's properties are; None where there is none.

        `whole` names the column with the object, `picked` the list of the columns' sources.
        Where no properties are listed, a row has none that is not exported.
        """

    def apart(self, columns: EventColumns, whole: ObjectColumn) -> str:
        """SQL condition: only `piece` can make the properties of this row.

        Of a row with a property that is not exported it always does, where none are listed.
        """

    def piece(self, members: Mapping[str, Any], columns: EventColumns) -> str:
        """What `properties` is, of the members that an object has, exactly."""

    def needs_picked(self, columns: EventColumns) -> bool:
        """Whether `properties` takes members out one by one."""

    after_time: str
    """What stands between the time of a record and its first piece."""

    separator: str
    """What stands between two pieces."""

    end: str
    """What a record ends with, a line end for one."""

    def start(self, label: str) -> str:
        """What a record of the event with this label begins with, up to its time."""

    def header(self, labels: Sequence[str]) -> bytes:
        """What a file begins with."""

    def footer(self) -> bytes:
        """What a file ends with."""

    def scrubbed(self, chunk: memoryview) -> tuple[bytes | memoryview, int]:
        """Rendered records as they may be written, and how many NULs were replaced."""

    def count(self, chunks: Iterable[bytes]) -> int:
        """The records of a file, read back from its uncompressed bytes."""
