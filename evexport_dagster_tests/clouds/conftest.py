from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--large", action="store_true", help="put a file of 2 GiB to each store")


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> int:
    """The bytes of a large file."""
    return 2 << 30 if request.config.getoption("--large", default=False) else 48 << 20
