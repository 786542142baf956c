"""Destinations: one room for each kind of store, found by the type of a destination."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from evexport_dagster.errors import SpecError
from evexport_dagster.settings import Destination, LocalDestination
from evexport_dagster.stores.base import Store
from evexport_dagster.stores.local import LocalStore
from evexport_dagster.stores.uploads import uploaded

__all__ = ["Store", "open_store", "uploaded"]

# Names instead of imports: the libraries of a cloud are slow to load, and rarely all needed.
_CLOUDS: Final[Mapping[str, tuple[str, str]]] = {
    "s3": ("s3", "S3Store"),
    "gcs": ("gcs", "GcsStore"),
    "azure": ("azure", "AzureStore"),
}
"""The room and the class of each type of destination; it is called with name and destination."""


def open_store(name: str, destination: Destination) -> Store:
    """The store of a destination; nothing is asked of it yet, and no secret is read."""
    if isinstance(destination, LocalDestination):
        return LocalStore(name, Path(destination.path), destination.prefix)
    if destination.type not in _CLOUDS:
        raise SpecError(f"destination {name!r}: type {destination.type!r} is not available yet")
    room, store = _CLOUDS[destination.type]
    opened = getattr(import_module(f"{__name__}.{room}"), store)(name, destination)
    return cast("Store", opened)
