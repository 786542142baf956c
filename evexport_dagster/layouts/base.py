"""What a layout is: a small table of choices over one pipeline (product contract, section 12).

A record is a row of members. What a layout leaves open, the spec of an export decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from evexport_dagster.naming import Part, Variable

Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class EventName:
    """The name of the event."""

    label: str


@dataclass(frozen=True)
class EventTime:
    """The time of the event: `epoch`, `datetime` (ISO 8601), `compact` (yyyyMMddHHmmss), or
    (None) as the spec says; `is_number` where formats have numbers."""

    label: str
    form: Literal["epoch", "datetime", "compact"] | None = None
    is_number: bool = False


@dataclass(frozen=True)
class Deleted:
    """Whether a profile is no longer in the source, a boolean where formats have them."""

    label: str


@dataclass(frozen=True)
class Chosen:
    """A group of what the spec selects; it is not there where that is nothing."""

    group: Literal["identity", "profile", "deviceInfo", "commPrefs"]


@dataclass(frozen=True)
class OfPerson:
    """Values of the person in a group: label -> `identity`, `all_identities` or a canonical column
    of the profile. Without a group they stand in the record itself, missing ones as null."""

    group: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class OfDevice:
    """Fields of the device in a group, by their own names."""

    group: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Properties:
    """The group of the event's properties."""

    label: str


Member: TypeAlias = EventName | EventTime | Deleted | Chosen | OfPerson | OfDevice | Properties

OldValue: TypeAlias = str | Mapping[str, str]
"""What a layout writes instead of a value; by the device's platform where one old value has
become one new one for all of them."""


@dataclass(frozen=True, eq=False)
class Layout:
    """A layout. Neighbours of one group make one group together."""

    name: str
    record: tuple[Member, ...]

    file_name: tuple[Part, ...] | None = None
    """The parts of every file name, without its extension; None: as the spec says."""

    gzips_parquet: bool = False
    """Whether Parquet files are gzipped whatever the spec says."""

    most_rows: int | None = None
    """The records that a file holds at most, if the settings do not say less."""

    most_bytes: int | None = None
    """The bytes that a file has at most; a record is never cut."""

    series: str | None = None
    """The one key of the event dimension, where all events go into one series of files. Names of
    events in the spec are then patterns, in which `*` stands for any characters."""

    element: str = "Event"
    """What XML calls a record."""

    properties_of: str = "event_props"
    """The column of the source that the properties are."""

    is_titled: bool = False
    """Whether a JSON file begins with a line that is the event's name."""

    has_elements: bool = False
    """Whether XML has an element for each value of person and device, not entries."""

    has_structs: bool = False
    """Whether Parquet has a column of texts for each value of person and device, not maps."""

    csv_prefixes: Mapping[str, str] = field(default_factory=dict)
    """What stands in CSV headers before the labels of a group."""

    session: str | None = None
    """The group of the session's properties, which is there where a row has any; None: they are
    not exported. Among those of the event they are known by their prefix in CSV headers."""

    old_values: Mapping[str, Mapping[str, OldValue]] = field(default_factory=dict)
    """Event property -> value -> what is written instead."""

    honours: Mapping[Path, tuple[Any, ...]] = field(default_factory=dict)
    """Keys of a spec of which the layout can honour these values alone, or none."""

    not_in_folders: tuple[Variable, ...] = ()
    """Variables that its files have no value for."""

    @property
    def properties(self) -> str:
        """The label of the event's properties."""
        return next(it.label for it in self.record if isinstance(it, Properties))

    @property
    def session_prefix(self) -> str | None:
        """What stands before the names of session properties among those of the event."""
        return None if self.session is None else self.csv_prefixes[self.session]

    def rows_per_file(self, most: int) -> int:
        """The records that a file holds at most, where the settings say so many."""
        return most if self.most_rows is None else min(most, self.most_rows)

    def fields(self) -> dict[str, tuple[str, ...]]:
        """The labels of each group that the layout itself fills, in order."""
        found: dict[str, tuple[str, ...]] = {}
        for member in self.record:
            if isinstance(member, OfPerson | OfDevice):
                labels = member.values if isinstance(member, OfPerson) else member.fields
                found[member.group] = (*found.get(member.group, ()), *labels)
        return found
