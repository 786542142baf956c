"""One ordered list of output columns for an event: order, renames, merges, append and lock.

Rules: product contract, sections 2 and 3. The ledger keeps the source's property names of an
event in first-seen order; everything else follows from them and the spec, so that a header once
written never changes but at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
        return frozenset(source for column in self.columns for source in column.sources)

    @property
    def is_as_in_source(self) -> bool:
        """Whether no property is renamed or merged."""
        return all(column.sources == (column.label,) for column in self.columns)


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
