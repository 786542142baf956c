"""Where files lie, as a URI that a reader can open."""

from __future__ import annotations

import os
from collections.abc import Sequence

from evexport_dagster.settings import Destination, LocalDestination


def place(destination: Destination) -> str:
    """The URI of a destination, without a slash at its end."""
    if isinstance(destination, LocalDestination):
        return destination.path.as_uri()
    raise NotImplementedError(destination.type)


def uri(destination: Destination, keys: Sequence[str]) -> str:
    """The URI of one file, or of the deepest folder that holds all of several."""
    if len(keys) == 1:
        return f"{place(destination)}/{keys[0]}"
    folder = os.path.commonpath([os.path.dirname(key) or "." for key in keys])
    return f"{place(destination)}/{folder}".removesuffix("/.")
