"""Destinations: one file for each kind of store, found by the type of a destination."""

from __future__ import annotations

from pathlib import Path

from evexport_dagster.errors import SpecError
from evexport_dagster.settings import Destination, LocalDestination
from evexport_dagster.stores.base import Store
from evexport_dagster.stores.local import LocalStore

__all__ = ["Store", "open_store"]


def open_store(name: str, destination: Destination) -> Store:
    """The store of a destination; nothing is asked of it yet."""
    if isinstance(destination, LocalDestination):
        return LocalStore(name, Path(destination.path), destination.prefix)
    raise SpecError(f"destination {name!r}: type {destination.type!r} is not available yet")
