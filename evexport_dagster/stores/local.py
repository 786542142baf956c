"""A folder on this machine, with the manners of an object store."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evexport_dagster.errors import AccessError, BugError, UnavailableError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalStore:
    """Objects as files below a folder; a file appears by one rename, after it is on disk."""

    # A disk is not made quicker by more than one writer.
    at_once = 1

    def __init__(self, name: str, root: Path, prefix: str | None = None) -> None:
        self.name = name
        self.root = root.resolve()
        self.prefix = f"{prefix}/" if prefix else ""
        self.fingerprint = f"local:{self.root}"

    def put(self, key: str, path: Path) -> None:
        target = self._path(key)
        with self._explained(f"write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            # Named after its target: what a killed run leaves, the next one writes over.
            incoming = target.with_name(f".{target.name}.part")
            try:
                shutil.copyfile(path, incoming)
                _sync(incoming)
                incoming.replace(target)
            finally:
                incoming.unlink(missing_ok=True)
            _sync(target.parent)

    def delete(self, key: str) -> None:
        target = self._path(key)
        with self._explained(f"remove {target}"):
            target.unlink(missing_ok=True)
            self._remove_empty(target.parent)

    def probe(self) -> None:
        with self._explained(f"write to {self.root}"):
            self.root.mkdir(parents=True, exist_ok=True)
            incoming = self.root / ".evexport-probe.part"
            try:
                incoming.write_bytes(b"evexport")
            finally:
                incoming.unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return (self.root / key).as_uri()

    def _path(self, key: str) -> Path:
        path = Path(os.path.normpath(self.root / key))
        if self.root not in path.parents:
            raise BugError(f"destination {self.name!r}: the key {key!r} lies outside of its folder")
        return path

    def _remove_empty(self, folder: Path) -> None:
        while folder != self.root and folder.is_relative_to(self.root):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            said = f"destination {self.name!r} could not {what}: {error.strerror or error}"
            if error.errno in _FULL:
                raise UnavailableError(f"{said}; free some space, the run is tried again") from None
            raise AccessError(
                f"{said}; let the user who runs exports write to that folder"
            ) from None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
