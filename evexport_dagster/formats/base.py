"""What a format is: how a record is rendered, and what a file is made of.

The records of a format of lines are whole texts, and its files are gzip members (`lines.py`).
Those of a format of values are columns; it makes its own files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import pyarrow as pa

from evexport_dagster.columns import EventColumns
from evexport_dagster.compiled.records import Filled
from evexport_dagster.formats.cells import Group
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

    def room(self, records: Records, limit: int) -> int:
        """How many of some records fit before the complete file would have more bytes; that is
        decided by the records alone, however they come."""

    def close(self) -> None:
        """Takes no more; the file is complete when its `Files` have finished."""

    def count(self) -> int:
        """The records of the complete file, read back from it; raises BugError if it is torn."""

    def discard(self) -> None:
        """Ends what is under way, and removes what was set aside."""


class Files(Protocol):
    """The files of a window, in one format."""

    def begin(self, path: Path, heading: Sequence[str]) -> RecordFile:
        """An empty file of records with this heading."""

    def finish(self) -> None:
        """Waits until every closed file is complete."""


class LineFormat(Protocol):
    """A format whose records are lines: DuckDB renders their groups, compiled loops the rest."""

    name: str
    """`csv`, `json` and so on."""

    picks_json: bool
    """Whether it takes members of objects as JSON text, else as plain text."""

    flat: bool
    """Whether labels must be unique across groups (a header row)."""

    way: int
    """How it spells the values of properties, a way of `compiled.values`."""

    def group(self, group: Group) -> str:
        """SQL for the piece of a record that a group is; NULL cells are missing."""

    def members(self, group: Group) -> str:
        """SQL for what is inside of that piece, to be joined with more of the group by
        `separator`; NULL where that has to be left out."""

    def around(self, group: str) -> tuple[str, str]:
        """What stands before and after the members of a group."""

    def properties(self, places: Mapping[str, int], columns: EventColumns) -> Filled:
        """The piece that the properties of an object are, given the place of each of its members:
        texts, and the places of the values between them; empty where there is no such piece."""

    begin: str
    """What a record begins with."""

    separator: str
    """What stands between two pieces."""

    end: str
    """What a record ends with, a line end for one."""

    def event_name(self, label: str, event: str) -> str:
        """The piece that the name of the event is."""

    def around_time(self, label: str, *, is_number: bool) -> tuple[str, str]:
        """What stands before and after the text of the time."""

    def heading(self, event: str, labels: Sequence[str]) -> Sequence[str]:
        """What `header` needs to know of the event with this name, and of its labels."""

    def header(self, heading: Sequence[str]) -> bytes:
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
    separator: str
    """What stands between two cells of a piece."""

    has_structs: bool
    """Whether a value of person or device is a field, a text, of its own; else `column` makes one
    column of all values of a group."""

    def group(self, group: Group) -> str:
        """SQL for the piece of a record that a group is: the JSON of its cells, as one text."""

    def members(self, group: Group) -> str:
        """The same, of a part of a group."""

    def heading(self, event: str, labels: Sequence[str]) -> Sequence[str]:
        """What `Files.begin` needs to know: nothing."""

    def column(self, group: str, entries: Entries) -> pa.Array:
        """The column of a group."""

    def records(
        self, label: str, leads: pa.Array, columns: Mapping[str, pa.Array]
    ) -> pa.RecordBatch:
        """Records of the event with this label: their leads (times, or whether they are deleted)
        as texts, the columns of groups, or of `GROUP.LABEL` where these are fields."""

    def files(self, pool: ThreadPoolExecutor, compression: str, *, stable: bool) -> Files:
        """Files compressed as the spec says; `stable`: the same records give the same bytes."""


Format: TypeAlias = LineFormat | ValueFormat
