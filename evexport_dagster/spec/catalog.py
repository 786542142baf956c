"""The event names that `select: system` and `select: engagement` stand for, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from evexport_dagster.spec.reading import read_document

_BUILT_IN: Final = Path(__file__).with_name("catalog.yaml")


@dataclass(frozen=True)
class Catalog:
    """Which events are the product's own (`system`) and which are messages (`engagement`)."""

    system: tuple[str, ...]
    engagement: tuple[str, ...]

    def is_system(self, event_name: str) -> bool:
        """Whether `select: system` takes the event."""
        return event_name in self.system

    def is_engagement(self, event_name: str) -> bool:
        """Whether `select: engagement` takes the event."""
        return event_name in self.engagement

    def extended(self, system: Iterable[str] = (), engagement: Iterable[str] = ()) -> Catalog:
        """This catalog and more names, in order, none twice."""
        return Catalog(
            tuple(dict.fromkeys((*self.system, *system))),
            tuple(dict.fromkeys((*self.engagement, *engagement))),
        )


@cache
def built_in_catalog() -> Catalog:
    """The names that every project starts with."""
    data = read_document(_BUILT_IN, _BUILT_IN.name).data
    return Catalog(tuple(data["system"]), tuple(data["engagement"]))
