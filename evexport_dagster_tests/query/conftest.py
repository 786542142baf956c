from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from evexport_dagster.query import exact


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as a run has it, shared by the tests of a file."""
    with duckdb.connect(config={"threads": 2}) as connection:
        exact.register(connection)
        yield connection
