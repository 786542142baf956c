"""What a store does: whole objects or none."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """A destination, opened. Keys are relative to its root and hold the prefix already."""

    fingerprint: str
    """What tells this bucket, container or folder from every other one; holds no secret."""

    prefix: str
    """What stands before every key, its slash included; '' for none."""

    at_once: int
    """How many objects may be put at the same time."""

    def put(self, key: str, path: Path) -> None:
        """Make the file at `path` the object `key`, whole or not at all, replacing another.

        Raises AccessError or UnavailableError; then the object is as it was before.
        """

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    def probe(self) -> None:
        """Write and remove a small object; raises what `put` would raise."""

    def uri(self, key: str) -> str:
        """Where people find the object."""
