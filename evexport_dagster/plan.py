"""What a delivery will be, decided before a byte is read: values, made without reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from evexport_dagster.naming import Names, Naming
from evexport_dagster.settings import Account
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.windows import Window


@dataclass(frozen=True)
class Task:
    """Deliver these events of one window; `again` also what is recorded already."""

    export: str
    window: Window
    events: tuple[str, ...]
    again: bool


@dataclass(frozen=True)
class PlannedEvent:
    """An event of a plan: its name in the source, and the path segment that is its for ever."""

    name: str
    segment: str


@dataclass(frozen=True)
class WindowPlan:
    """One window of one revision of an export, with the events that are delivered.

    `source_events` are the patterns of the names in the source that a layout's one series is made
    of; None: all.
    """

    account: Account
    export_id: int
    revision: int
    spec: ExportSpec
    window: Window
    events: tuple[PlannedEvent, ...]
    source_events: tuple[str, ...] | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone."""
        return self.account.zone

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the events, as the source has them."""
        return tuple(event.name for event in self.events)

    def key(self, event: PlannedEvent, instance: int, index: int, prefix: str = "") -> str:
        """The key of one file. The run time in it is logical: the window's end, so that a
        repetition has the same names (product contract, section 5)."""
        window_date: date = self.window.start.astimezone(self.zone).date()
        names = Names(
            account_id=self.account.id,
            export_id=self.export_id,
            timestamp=self.window.timestamp,
            date=self.window.date(self.zone),
            instance_id=instance,
            file_index=index,
            event=event.segment,
            window_start=self.window.start,
            window_end=self.window.end,
            window_date=window_date,
        )
        return prefix + naming_of(self.spec).key(names)


def naming_of(spec: ExportSpec) -> Naming:
    """How the files of a spec are named."""
    fixed = spec.files_as.file_name
    return Naming(spec.folder, spec.file_name, spec.extension, spec.data_type, fixed)


@dataclass(frozen=True)
class Progress:
    """How far a window is: the rows that were read, or that the present event has, and the
    first records of an event whose files are put."""

    export: str
    window: Window
    stage: str
    event: str | None = None
    rows: int = 0
    first_records: tuple[Mapping[str, str], ...] = ()
