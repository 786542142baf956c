"""What a record of an export holds: its groups in order, its labels, and the SQL of a line."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from evexport_dagster.columns import Column, EventColumns, header
from evexport_dagster.formats import Format
from evexport_dagster.formats.cells import Group, ObjectColumn, picked_cells, sources_in_order
from evexport_dagster.query.people import comm_prefs_group, identity_group, profile_group
from evexport_dagster.query.times import time_text
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.windows import Window

PROPERTIES = ObjectColumn("event_props", "event_props_exact")


@dataclass(frozen=True)
class RecordShape:
    """The records of an export's window, in one format. Labels of flat formats have no NUL."""

    spec: ExportSpec
    format: Format
    window: Window
    zone: ZoneInfo

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
        return " || ',' || ".join(self.format.group(group) for group in groups)

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

    def line(self, label: str, columns: EventColumns, *, as_is: bool) -> str:
        """SQL for a whole record of the event that is called `label`, from a row of `ready`."""
        pieces = ["person"]
        pieces += ["device"] if self.of_device else []
        pieces += ["preferences"] if self.of_preferences else []
        properties = self.format.properties(columns, PROPERTIES, "props_picked", as_is=as_is)
        if properties is not None:
            pieces.append(properties)
        time = time_text(self.spec.timestamp, self.window, self.zone)
        return self.format.record(label, time, pieces)

    def picked(self, columns: EventColumns) -> str:
        """SQL for the list `props_picked` that `line` takes cells from."""
        sources = sources_in_order(columns.columns)
        if not sources or not self.format.needs_picked(columns):
            return "NULL::VARCHAR[]"
        return PROPERTIES.picked(sources, as_json=self.format.picks_json)
