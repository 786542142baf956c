from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pytest

from evexport_dagster_tests.handmade import Handmade, at, event, home

__all__ = ["home"]

ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--million", action="store_true", help="repeat a delivery of a million rows")


@pytest.fixture(scope="session")
def million(request: pytest.FixtureRequest) -> bool:
    """Whether tests of many rows take a million of them."""
    return bool(request.config.getoption("--million", default=False))


class Processes:
    """Runs in processes of their own, see `zygote`."""

    def __init__(self, to: IO[str], from_: IO[str]) -> None:
        self._to, self._from = to, from_

    def run(self, *jobs: tuple[object, ...]) -> list[int]:
        """The exit codes of these (action, arguments ...), done all at once."""
        self._to.write(json.dumps(jobs) + "\n")
        self._to.flush()
        return cast("list[int]", json.loads(self._from.readline()))


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    zygote = subprocess.Popen(
        [sys.executable, "-m", "evexport_dagster_tests.delivery.zygote"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_HOME": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with zygote:
        assert zygote.stdin
        assert zygote.stdout
        yield Processes(zygote.stdin, zygote.stdout)
        zygote.stdin.close()


@pytest.fixture
def series(tmp_path: Path) -> Iterator[Handmade]:
    """A project with one window, in which an event of two instances fills three files."""
    made = Handmade(tmp_path / "project", now=at(1, 1), runtime={"max_rows_per_file": 3})
    made.events(
        [
            *(event("Charged", at(0, n), instance=n // 4, n=n) for n in range(6)),
            event("App Launched", at(0), n=6),
        ]
    )
    made.spec()
    yield made
    made.close()
