"""`kill -9` at random moments of runs to a bucket, and of the runs that repair them."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest

from evexport_dagster_tests.clouds.homes import MAKERS, CloudHome, home_at
from evexport_dagster_tests.delivery.conftest import Processes
from evexport_dagster_tests.delivery.state import assert_delivered, assert_whole
from evexport_dagster_tests.handmade import at, event

KILLS: Final = 7
"""For each cloud."""

ROWS: Final = [
    (day, name, n)
    for day in range(KILLS + 1)
    for name, count in (("Charged", 4), ("App Launched", 2))
    for n in range(count)
]
SLOW: Final = [{"method": method, "path": "", "delay": 0.05} for method in ("PUT", "POST")]
"""A store in which a run spends most of its time."""


@pytest.fixture(params=MAKERS)
def cloud(request: pytest.FixtureRequest) -> str:
    """Each cloud in turn."""
    name: str = request.param
    return name


@pytest.fixture
def home(cloud: str, request: pytest.FixtureRequest, tmp_path: Path) -> CloudHome:
    """A project with three files to put for each day, and then a manifest."""
    made = home_at(cloud, request, tmp_path)
    made.configure(max_rows_per_file=3)
    made.events(
        event(name, at(day, n), instance=n // 3, n=f"{day} {name} {n}") for day, name, n in ROWS
    )
    made.spec(manifest=True)
    return made


@pytest.fixture
def faults(cloud: str, request: pytest.FixtureRequest) -> Callable[..., None]:
    """How the cloud is disturbed."""
    found: Callable[..., None] = request.getfixturevalue(f"{cloud}_cloud").faults
    return found


def test_killed_at_any_moment(
    processes: Processes, home: CloudHome, cloud: str, faults: Callable[..., None]
) -> None:
    chance = Random(cloud)

    def run(day: int, seconds: float) -> int:
        home.now = at(day + 1, 1)
        job = ("run_for", seconds, dict(home.environment), str(home.folder), "purchases")
        return processes.run((*job, home.now.isoformat()))[0]

    faults(*SLOW)
    begin = time.monotonic()
    assert run(0, 60) == 0
    usual = time.monotonic() - begin
    # Each run has a day of its own to deliver, and repairs what those before it left.
    for kill in range(KILLS):
        ended = run(kill + 1, usual * (kill + chance.random()) / KILLS)
        assert ended in (0, -signal.SIGKILL)
        assert_whole(home)
    faults()
    home.run()
    assert_delivered(home, Counter(f"{day} {name} {n}" for day, name, n in ROWS))
    assert len(home.objects()) - len(home.tree()) == KILLS + 1
