"""What a record of an export holds: its groups in order, and its labels."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from evexport_dagster.columns import Column, EventColumns, header
from evexport_dagster.formats import Format, ValueFormat
from evexport_dagster.formats.cells import (
    Group,
    ObjectColumn,
    picked_cells,
)
from evexport_dagster.query.people import comm_prefs_group, identity_group, profile_group
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.text import sql_literal
from evexport_dagster.windows import Window

SERIES = "event * 4294967296 + instance"
"""SQL for the number of the files that a row belongs to."""

_PROPERTIES = ObjectColumn("event_props", "exact")


@dataclass(frozen=True)
class RecordShape:
    """The records of an export's window, in one format; `events` gives each event its number.

    Labels of flat formats have no NUL.
    """

    spec: ExportSpec
    format: Format
    window: Window
    zone: ZoneInfo
    events: tuple[str, ...]

    @property
    def together(self) -> bool:
        """Whether the records of an event and instance have to come together."""
        return self.spec.sort or isinstance(self.format, ValueFormat)

    @property
    def of_person(self) -> tuple[Group, ...]:
        """The groups before the device that are rendered once per profile."""
        identity = identity_group(self.spec)
        return (identity, profile_group(self.spec)) if self.spec.user_properties else (identity,)

    @property
    def of_device(self) -> tuple[Group, ...]:
        """The group of the device, where one is selected; rendered once per distinct device."""
        columns = [Column(name, (name,)) for name in self.spec.device]
        group = Group("deviceInfo", picked_cells(columns, "device_picked"))
        return (group,) if columns else ()

    @property
    def of_preferences(self) -> tuple[Group, ...]:
        """The group of the communication preferences, where one is selected."""
        group = comm_prefs_group(self.spec, "prefs_picked")
        return (group,) if self.spec.comm_prefs else ()

    def pieces(self, groups: tuple[Group, ...]) -> str:
        """SQL for the text of some groups, joined as the format joins them."""
        between = f" || {sql_literal(self.format.separator)} || "
        return between.join(self.format.group(group) for group in groups)

    def labels(self, columns: EventColumns) -> tuple[str, ...]:
        """The labels of a record, in order; unique, and without NUL, where the format is flat."""
        groups: list[tuple[str, tuple[str, ...]]] = [("", ("eventName", "eventTime"))]
        groups += [
            (group.name, group.labels)
            for group in (*self.of_person, *self.of_device, *self.of_preferences)
        ]
        groups.append(("eventProps", tuple(column.label for column in columns.columns)))
        if not self.format.flat:
            return tuple(label for _, labels in groups for label in labels)
        printable = [(name, [it.replace("\0", "\ufffd") for it in names]) for name, names in groups]
        return header(printable)


def event_and_instance(series: int) -> tuple[int, int]:
    """What a number of SERIES stands for."""
    event = (series + (1 << 31)) >> 32
    return event, series - (event << 32)
