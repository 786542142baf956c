"""What a record of an export holds: its groups in order, its labels, and the SQL of a line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from evexport_dagster.columns import Column, EventColumns, header
from evexport_dagster.formats import Format
from evexport_dagster.formats.cells import (
    Group,
    ObjectColumn,
    picked_cells,
    sources_in_order,
)
from evexport_dagster.query.people import comm_prefs_group, identity_group, profile_group
from evexport_dagster.query.pick import members_in_place
from evexport_dagster.query.times import time_text
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.strict_json import read_members
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

    def apart(
        self, columns: Mapping[int, EventColumns], left_out: Mapping[int, Collection[int]]
    ) -> str:
        """SQL condition on `staged`: the properties of this row are rendered by `piece`.

        `left_out` gives the shapes of an event that have a property which is not exported.
        """
        return by_event({n: self._apart(it, left_out.get(n, ())) for n, it in columns.items()})

    def _apart(self, columns: EventColumns, left_out: Collection[int]) -> str:
        by_format = self.format.apart(columns, _PROPERTIES)
        if columns.listed or self.format.flat or not left_out:
            return by_format
        return f"({by_format}) OR shape IN ({', '.join(map(str, left_out))})"

    def piece(self, text: str, columns: EventColumns) -> str:
        """The piece of a record that the properties in a clean object are, read exactly."""
        if not self._has_properties(columns):
            return ""
        members, _ = read_members(text)
        return self.format.separator + self.format.piece(members, columns)

    def lines(self, columns: Mapping[int, EventColumns], condition: str, *, apart: bool) -> str:
        """SQL for (series, line): the records of these events in `staged`, and in `apart` where
        there is such a table, whose properties are pieces already.

        `condition` is that of `apart`.
        """
        kept = "event, instance, event_time, profile_id, device"
        kept += ", place" if self.spec.sort else ""
        pieces = {n: self._properties(it) for n, it in columns.items()}
        rows = f"""
            SELECT {kept}, {by_event(pieces)} AS properties
            FROM ({self._picked(columns)})
            WHERE event IN ({", ".join(map(str, columns))})
                AND NOT ({condition})
        """
        if apart:
            rows += f" UNION ALL SELECT {kept}, properties FROM apart"
        return f"""
            SELECT {SERIES} AS series, {self._line()} AS line
            FROM ({rows}) AS rows {self._joins()} {"ORDER BY place" if self.spec.sort else ""}
        """

    def wanted(self, columns: Mapping[int, EventColumns]) -> dict[int, tuple[str, ...]]:
        """The members that each event's properties are picked from; empty where none are."""
        needed = self.format.needs_picked
        picked = {n: sources_in_order(it.columns) for n, it in columns.items() if needed(it)}
        return {n: picked.get(n, ()) for n in columns} if any(picked.values()) else {}

    def _picked(self, columns: Mapping[int, EventColumns]) -> str:
        wanted = self.wanted(columns)
        if not wanted:
            return "FROM staged"
        members = members_in_place(_PROPERTIES.text, as_json=self.format.picks_json)
        picking = ", ".join(str(event) for event, names in wanted.items() if names)
        return f"""
            SELECT *, CASE WHEN event IN ({picking}) THEN {members} END AS props_picked
            FROM staged JOIN places USING (event, shape)
        """

    def _joins(self) -> str:
        people = "JOIN people ON rows.profile_id IS NOT DISTINCT FROM people.profile_id"
        return f"{people} JOIN devices USING (device)" if self.of_device else people

    def _line(self) -> str:
        choices = map(self.spec.events.choice, self.events)
        starts = ", ".join(sql_literal(self.format.start(choice.label)) for choice in choices)
        after_time, separator, end = (
            sql_literal(it)
            for it in (self.format.after_time, self.format.separator, self.format.end)
        )
        pieces = ["person"]
        pieces += ["piece"] if self.of_device else []
        pieces += ["preferences"] if self.of_preferences else []
        time = time_text(self.spec.timestamp, self.window, self.zone)
        # One `concat` copies a record once; a chain of `||` copies it once a piece.
        together = f", {separator}, ".join(pieces)
        return f"concat([{starts}][event + 1], {time}, {after_time}, {together}, properties, {end})"

    def _has_properties(self, columns: EventColumns) -> bool:
        return self.format.properties(columns, "", "") is not None

    def _properties(self, columns: EventColumns) -> str:
        whole, picked = _PROPERTIES.text, "props_picked"
        piece = self.format.properties(columns, whole, picked)
        return f"{sql_literal(self.format.separator)} || {piece}" if piece else "''"


def by_event(expressions: Mapping[int, str]) -> str:
    """SQL that is another expression for each event."""
    events: dict[str, list[str]] = {}
    for event, expression in expressions.items():
        events.setdefault(expression, []).append(str(event))
    *others, last = events
    cases = "".join(f" WHEN event IN ({', '.join(events[it])}) THEN {it}" for it in others)
    return f"CASE{cases} ELSE {last} END" if cases else last


def event_and_instance(series: int) -> tuple[int, int]:
    """What a number of SERIES stands for."""
    event = (series + (1 << 31)) >> 32
    return event, series - (event << 32)
