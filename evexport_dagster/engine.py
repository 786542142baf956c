"""The DuckDB connection of a run: bounded, quiet, with a scratch folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from evexport_dagster.errors import SourceError, UnavailableError
from evexport_dagster.query import exact
from evexport_dagster.settings import Runtime


@contextmanager
def connect(runtime: Runtime, zone: str, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that takes `runtime.memory` and spills to `folder`, within the limits.

    Predicates see times by the clock of `zone`.
    """
    con = duckdb.connect(
        config={
            "memory_limit": f"{runtime.memory}B",
            "threads": runtime.threads,
            "temp_directory": str(folder / "duckdb"),
            "max_temp_directory_size": f"{runtime.scratch_limit}B",
            "autoinstall_known_extensions": False,
        }
    )
    try:
        # DuckDB would draw on standard output, which belongs to the command line.
        con.execute("SET enable_progress_bar = false")
        con.execute("SET TimeZone = ?", [zone])
        exact.register(con)
        yield con
    finally:
        con.close()


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards, with what a killed run left there before."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise UnavailableError(
            f"the scratch folder {folder} cannot be made: {error.strerror}; see runtime.scratch"
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    except OSError as error:
        raise UnavailableError(
            f"scratch space: {error.strerror or error}; see runtime.scratch"
        ) from None
    except duckdb.IOException as error:
        raise UnavailableError(f"source {source!r}: {_first_line(error)}") from None
    except duckdb.Error as error:
        raise SourceError(f"source {source!r} cannot be read: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
