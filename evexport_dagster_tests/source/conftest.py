from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from .relations import connected


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of the test."""
    with connected() as connection:
        yield connection
