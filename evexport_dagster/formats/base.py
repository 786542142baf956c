"""What a format is: how DuckDB renders a record, and what a file is made of.

The records of a format of lines are whole texts, and its files are gzip members (`lines.py`).
Those of a format of values are columns; it makes its own files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import pyarrow as pa

from evexport_dagster.columns import EventColumns
from evexport_dagster.formats.cells import Group, ObjectColumn
from evexport_dagster.formats.values import Entries

Records: TypeAlias = pa.Array | pa.RecordBatch
"""Records of one event and instance: an array of lines, or a batch of columns."""


class RecordFile(Protocol):
    """A file in scratch that takes records."""

    @property
    def waiting(self) -> int:
        """The bytes that wait in memory and that `set_aside` moves to the disk."""

    def write(self, records: Records) -> int:
        """Takes records; returns how many NULs were replaced in them."""

    def set_aside(self) -> None:
        """Moves what waits to the disk."""

    def close(self) -> None:
        """Takes no more; the file is complete when its `Files` have finished."""

    def count(self) -> int:
        """The records of the complete file, read back from it; raises BugError if it is torn."""

    def discard(self) -> None:
        """Ends what is under way, and removes what was set aside."""


class Files(Protocol):
    """The files of a window, in one format."""

    def begin(self, path: Path, labels: Sequence[str]) -> RecordFile:
        """An empty file of records that have these labels."""

    def finish(self) -> None:
        """Waits until every closed file is complete."""


class LineFormat(Protocol):
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


@runtime_checkable
class ValueFormat(Protocol):
    """A format whose records are columns of values with types.

    The records of an event and instance have to come together, since one file is open at a time.
    """

    name: str
    """`parquet` and so on."""

    picks_json: bool
    flat: bool
    any_number_passes: bool
    separator: str
    """What stands between two cells of a piece."""

    def group(self, group: Group) -> str:
        """SQL for the piece of a record that a group is: the JSON of its cells, as one text."""

    def column(self, group: str, entries: Entries) -> pa.Array:
        """The column of a group."""

    def records(
        self, label: str, times: pa.Array, groups: Mapping[str, pa.Array]
    ) -> pa.RecordBatch:
        """Records of the event with this label: their times as texts, the columns of groups."""

    def files(self, pool: ThreadPoolExecutor, compression: str, *, stable: bool) -> Files:
        """Files compressed as the spec says; `stable`: the same records give the same bytes."""


Format: TypeAlias = LineFormat | ValueFormat
