"""What a record of an export holds: its groups in order, and its labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from zoneinfo import ZoneInfo

from evexport_dagster.columns import Column, EventColumns, header
from evexport_dagster.formats import Format, ValueFormat
from evexport_dagster.formats.cells import Group, picked_cells
from evexport_dagster.layouts import (
    Chosen,
    Deleted,
    EventName,
    EventTime,
    Layout,
    Member,
    OfDevice,
    OfPerson,
    Properties,
)
from evexport_dagster.query.people import (
    comm_prefs_group,
    fixed_group,
    identity_group,
    profile_group,
)
from evexport_dagster.query.times import time_text
from evexport_dagster.spec.layout_fit import laid_out
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.text import sql_literal
from evexport_dagster.windows import Window

PEOPLE, DEVICES = "people", "devices"
"""The tables of pieces that are rendered once for each person, and for each distinct device."""


@dataclass(frozen=True)
class Piece:
    """What is rendered at once: whole groups, or a part of one that has more parts."""

    table: str
    column: str
    groups: tuple[Group, ...]
    is_part: bool = False


@dataclass(frozen=True)
class RecordShape:
    """The records of an export's window, in one format; `events` gives each event its number.

    Labels of flat formats have no NUL.
    """

    written: ExportSpec
    format: Format
    window: Window
    zone: ZoneInfo
    events: tuple[str, ...]

    @cached_property
    def spec(self) -> ExportSpec:
        """The spec, with what its layout takes by itself."""
        return laid_out(self.written)

    @property
    def layout(self) -> Layout:
        """The layout of the files."""
        return self.written.files_as

    @property
    def together(self) -> bool:
        """Whether the records of an event and instance have to come together."""
        return self.spec.sort or isinstance(self.format, ValueFormat)

    def lead(self, rows: str) -> str:
        """SQL for the text that a row of a table brings beside its groups: the time of the event,
        or whether the profile is deleted; '' where there is neither."""
        for member in self.layout.record:
            match member:
                case EventTime(form=form):
                    return time_text(form or self.spec.timestamp, self.window, self.zone)
                case Deleted():
                    # The people that are not known are those that the source has no longer.
                    known = f"{rows}.profile_id IN {_KNOWN}"
                    return f"CASE WHEN {known} THEN 'false' ELSE 'true' END"
        return "''"

    @cached_property
    def parts(self) -> tuple[Member | tuple[Piece, ...], ...]:
        """The members of a record in order; in the place of its groups the pieces that they are
        made of, in tuples: parts of one group are together."""
        found: list[Member | tuple[Piece, ...]] = []
        numbers = iter(range(len(self.layout.record)))
        for key, members in groupby(self.layout.record, self._joined):
            if key is None:
                found += members
                continue
            groups = [group for member in members if (group := self._group(member)) is not None]
            is_part = len(groups) > 1 and len({table for table, _ in groups}) > 1
            if is_part:
                found.append(
                    tuple(
                        Piece(table, f"piece_{next(numbers)}", (group,), is_part=True)
                        for table, group in groups
                    )
                )
            elif groups:
                table, whole = groups[0][0], tuple(group for _, group in groups)
                found.append((Piece(table, f"piece_{next(numbers)}", whole),))
        return tuple(found)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Every piece, in the order of the record."""
        return tuple(piece for part in self.parts if isinstance(part, tuple) for piece in part)

    def pieces_of(self, table: str) -> tuple[Piece, ...]:
        """The pieces of a table."""
        return tuple(piece for piece in self.pieces if piece.table == table)

    def rendered(self, piece: Piece) -> str:
        """SQL for the text of a piece, its groups joined as the format joins them."""
        between = f" || {sql_literal(self.format.separator)} || "
        render = self.format.members if piece.is_part else self.format.group
        return between.join(render(group) for group in piece.groups)

    def labels(self, columns: EventColumns) -> tuple[str, ...]:
        """The labels of a record, in order; unique, and without NUL, where the format is flat."""
        groups = list(self.groups(columns, prefixed=self.format.flat))
        if not self.format.flat:
            return tuple(label for _, labels in groups for label in labels)
        return header(
            (name, [it.replace("\0", "\ufffd") for it in names]) for name, names in groups
        )

    def heading(self, event: int, columns: EventColumns) -> tuple[str, ...]:
        """What the files of an event begin with, as the format wants to know it."""
        label = self.spec.series.choice(self.events[event]).label
        return tuple(self.format.heading(label, self.labels(columns)))

    def _joined(self, member: Member) -> object:
        """What a member has in common with neighbours that are rendered together with it; None
        for one that is no group."""
        match member:
            case Chosen(group):
                return _TABLES[group], group == "commPrefs"
            case OfPerson(group) | OfDevice(group):
                return group
        return None

    def _group(self, member: Member) -> tuple[str, Group] | None:
        """The table and the group of a member, as far as something is selected."""
        match member:
            case Chosen(group):
                chosen = self._chosen()[group]
                return (_TABLES[group], chosen) if chosen.cells else None
            case OfPerson(group, values):
                return PEOPLE, fixed_group(group, values, self.spec)
            case OfDevice(group, fields):
                return DEVICES, self._device(group, fields)
        return None

    def _chosen(self) -> Mapping[str, Group]:
        return {
            "identity": identity_group(self.spec),
            "profile": profile_group(self.spec),
            "deviceInfo": self._device("deviceInfo", self.spec.device),
            "commPrefs": comm_prefs_group(self.spec, "prefs_picked"),
        }

    def _device(self, group: str, fields: tuple[str, ...]) -> Group:
        cells = picked_cells([Column(it, (it,)) for it in self.spec.device], "device_picked")
        return Group(group, tuple(cell for cell in cells if cell.label in fields))

    def groups(
        self, columns: EventColumns, *, prefixed: bool = False
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The labels of a record by their group, in order, '' for what stands in none; with the
        prefixes that the layout gives them in a header, if asked for."""
        for part in self.parts:
            match part:
                case EventName(label) | EventTime(label) | Deleted(label):
                    yield "", (label,)
                case Properties(name):
                    labels = (self._property_label(it, prefixed) for it in columns.columns)
                    yield name, tuple(labels)
                case tuple():
                    for group in (group for piece in part for group in piece.groups):
                        prefix = self._prefix(group.name, prefixed)
                        yield group.name, tuple(prefix + label for label in group.labels)

    def _property_label(self, column: Column, prefixed: bool) -> str:
        session = self.layout.session_prefix
        if session and all(name.startswith(session) for name in column.sources):
            return session + column.label.removeprefix(session)
        return self._prefix(self.layout.properties, prefixed) + column.label

    def _prefix(self, group: str, prefixed: bool) -> str:
        return self.layout.csv_prefixes.get(group, "") if prefixed else ""


_KNOWN = "(SELECT profile_id FROM people WHERE is_known)"

_TABLES = {
    "identity": PEOPLE,
    "profile": PEOPLE,
    "deviceInfo": DEVICES,
    "commPrefs": PEOPLE,
}
