"""One ordered list of output columns for an event: order, renames, merges, append and lock.

Rules: product contract, sections 2 and 3. The ledger keeps the source's property names of an
event in first-seen order; everything else follows from them and the spec, so that a header once
written never changes but at its end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from evexport_dagster.spec.model_events import ResolvedChoice


@dataclass(frozen=True)
class Column:
    """One output column: its label, and the source properties of which the first present counts."""

    label: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class KnownNames:
    """The source's property names of an event, first seen first.

    `at_creation` of them were there when the export was created, `at_first` when the first
    list with any name was made (0: none yet).
    """

    names: tuple[str, ...]
    at_creation: int = 0
    at_first: int = 0


@dataclass(frozen=True)
class EventColumns:
    """The columns of an event. `listed`: every format keeps their order, else the row's own."""

    columns: tuple[Column, ...]
    listed: bool

    @property
    def sources(self) -> frozenset[str]:
        """Every source property that is exported."""
        return frozenset(self.label_of)

    @cached_property
    def label_of(self) -> Mapping[str, str]:
        """Every source property that is exported, with the label of its column."""
        return {source: column.label for column in self.columns for source in column.sources}

    @cached_property
    def is_one_each(self) -> bool:
        """Whether no column has several sources."""
        return all(len(column.sources) == 1 for column in self.columns)

    def parted(self, prefix: str) -> tuple[EventColumns, EventColumns]:
        """The columns whose sources all begin with a prefix, by labels without it, and behind
        them the others."""
        return _parted(self, prefix)


@lru_cache(maxsize=256)
def _parted(columns: EventColumns, prefix: str) -> tuple[EventColumns, EventColumns]:
    parts: tuple[list[Column], list[Column]] = ([], [])
    for column in columns.columns:
        if all(name.startswith(prefix) for name in column.sources):
            parts[0].append(Column(column.label.removeprefix(prefix), column.sources))
        else:
            parts[1].append(column)
    begins, others = (replace(columns, columns=tuple(part)) for part in parts)
    return begins, others


@dataclass(frozen=True)
class ColumnPlan:
    """What the columns of an event follow from, before its window was read. `grows`: the names
    that the window brings join the known ones."""

    choice: ResolvedChoice
    known: KnownNames
    grows: bool

    def columns(self, names: Iterable[str] = ()) -> EventColumns:
        """The columns, given the names that the window has, first seen first."""
        return event_columns(self.choice, self.settled(names).known)

    def settled(self, names: Iterable[str]) -> ColumnPlan:
        """The plan in which these names are known, and no others join them."""
        if not self.grows:
            return self
        together = tuple(dict.fromkeys([*self.known.names, *names]))
        first = self.known.at_first or len(together)
        known = replace(self.known, names=together, at_first=first)
        return ColumnPlan(self.choice, known, grows=False)


def same_records(
    some: EventColumns, others: EventColumns, names: Collection[str], *, flat: bool
) -> bool:
    """Whether rows with these property names become the same records by both columns."""
    if flat:
        return some == others
    return _narrowed(some, names) == _narrowed(others, names)


def _narrowed(columns: EventColumns, names: Collection[str]) -> EventColumns:
    narrowed = (
        Column(column.label, tuple(name for name in column.sources if name in names))
        for column in columns.columns
    )
    kept = [column for column in narrowed if column.sources]
    # Where a record keeps the order of its row, that of the columns does not show.
    in_order = kept if columns.listed else sorted(kept, key=lambda it: it.label)
    return EventColumns(tuple(in_order), columns.listed)


def event_columns(choice: ResolvedChoice, known: KnownNames) -> EventColumns:
    """The columns of an event whose choice and known names these are."""
    if choice.properties == "all":
        locked = choice.schema_updates == "lock"
        names = known.names[: known.at_first] if locked else known.names
        pairs = [(name, choice.renames.get(name, name)) for name in names]
        return EventColumns(_merged(pairs), listed=False)
    pairs = [(field.name, field.label) for field in choice.properties]
    if choice.schema_updates == "append":
        listed = {field.name for field in choice.properties}
        later = [name for name in known.names[known.at_creation :] if name not in listed]
        pairs += [(name, choice.renames.get(name, name)) for name in later]
    return EventColumns(_merged(pairs), listed=True)


def needs_names_at_creation(choice: ResolvedChoice) -> bool:
    """Whether what the source has at creation decides which columns there will be."""
    return (choice.properties == "all") == (choice.schema_updates == "lock")


def relabelled(members: Mapping[str, Any], columns: EventColumns) -> dict[str, Any]:
    """The members of an object that are exported, by label; in listed order, else in their own.

    Of several sources of a column the first present counts.
    """
    if columns.is_one_each and not columns.listed:
        label_of = columns.label_of
        return {label_of[name]: value for name, value in members.items() if name in label_of}
    values = {}
    for column in columns.columns:
        source = next((name for name in column.sources if name in members), None)
        if source is not None:
            values[column.label] = members[source]
    if columns.listed:
        return values
    label_of = columns.label_of
    in_order = dict.fromkeys(label_of[name] for name in members if name in label_of)
    return {label: values[label] for label in in_order}


def header(groups: Iterable[tuple[str, Sequence[str]]]) -> tuple[str, ...]:
    """The labels of a flat record: of one label in two groups the later is qualified by its
    group (`eventProps.browser`), then numbered (`eventProps.browser_2`)."""
    labels: dict[str, None] = {}
    for group, names in groups:
        for name in names:
            labels[_unused(group, name, labels)] = None
    return tuple(labels)


def _unused(group: str, name: str, taken: Iterable[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        qualified = f"{group}.{name}"
        candidate = qualified if number == 1 else f"{qualified}_{number}"
        number += 1
    return candidate


def _merged(pairs: Iterable[tuple[str, str]]) -> tuple[Column, ...]:
    sources: dict[str, list[str]] = {}
    for source, label in pairs:
        sources.setdefault(label, []).append(source)
    return tuple(Column(label, tuple(names)) for label, names in sources.items())
