"""The DuckDB connection of a run: bounded, quiet, with a scratch folder of its own."""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

import duckdb

from evexport_dagster.errors import ExportError, SourceError, UnavailableError
from evexport_dagster.query import exact
from evexport_dagster.settings import Runtime
from evexport_dagster.source import raised_beneath

_LOCK: Final = ".lock"
_ATTEMPTS: Final = 5
_OF_MEMORY: Final = 0.75


@contextmanager
def connect(runtime: Runtime, zone: str, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that takes most of `runtime.memory` and spills to `folder`, within the limits.

    What it hands over is not counted by DuckDB: a part is left for that. Predicates see times by
    the clock of `zone`.
    """
    con = duckdb.connect(
        config={
            "memory_limit": f"{int(_OF_MEMORY * runtime.memory)}B",
            "threads": runtime.threads,
            "temp_directory": str(folder / "duckdb"),
            "autoinstall_known_extensions": False,
        }
    )
    try:
        # DuckDB would draw on standard output, which belongs to the command line.
        con.execute("SET enable_progress_bar = false")
        # Of one connection, it would not hold for its cursors.
        con.execute("SET GLOBAL TimeZone = ?", [zone])
        # As part of the configuration above it would be shown, and not kept.
        con.execute("SET max_temp_directory_size = ?", [f"{runtime.scratch_limit}B"])
        exact.register(con)
        yield con
    finally:
        con.close()


@contextmanager
def scratch(parent: Path, purpose: str) -> Iterator[Path]:
    """An empty folder in `parent` that is gone afterwards; what killed runs left there goes first.

    A folder belongs to who holds the lock in it, which ends with the process.
    """
    is_first = not parent.exists()
    try:
        _remove_abandoned(parent)
        folder, lock = _locked_folder(parent, purpose)
    except OSError as error:
        raise UnavailableError(
            f"the scratch folder {parent} cannot be used: {error.strerror}; see runtime.scratch"
        ) from None
    try:
        with lock:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if is_first:
            with suppress(OSError):
                parent.rmdir()


def _locked_folder(parent: Path, purpose: str) -> tuple[Path, BinaryIO]:
    for _ in range(_ATTEMPTS):
        folder = parent / f"{purpose}-{uuid4().hex}"
        # The last run in `parent` may remove it at any time, and any run a folder without a lock.
        with suppress(FileNotFoundError):
            folder.mkdir(parents=True)
            lock = (folder / _LOCK).open("wb")
            if _lock(lock):
                return folder, lock
            lock.close()
    raise FileNotFoundError(errno.ENOENT, "it is removed again and again")


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"*/{_LOCK}"):
        with suppress(OSError), path.open("rb") as lock:
            if _lock(lock):
                shutil.rmtree(path.parent, ignore_errors=True)


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def explained(source: str) -> Iterator[None]:
    """DuckDB's errors over a window as errors of ours."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise UnavailableError(
            f"DuckDB is out of memory or scratch space: {_first_line(error)};"
            " see runtime.memory and runtime.scratch_limit"
        ) from None
    except (duckdb.InterruptException, duckdb.InternalException, duckdb.FatalException):
        raise
    except (duckdb.Error, OSError) as error:
        raise (raised_beneath(error) or _of_source(source, error)) from None


def _of_source(source: str, error: Exception) -> ExportError:
    said = _first_line(error)
    if isinstance(error, OSError):
        return UnavailableError(f"scratch space: {error.strerror or error}; see runtime.scratch")
    if isinstance(error, duckdb.IOException):
        return UnavailableError(f"source {source!r}: {said}")
    return SourceError(f"source {source!r} cannot be read: {said}")


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
