"""`kill -9` at random moments of a run to a bucket, and of the run that repairs it."""

from __future__ import annotations

import signal
from pathlib import Path
from random import Random

import pytest

from evexport_dagster_tests.clouds.homes import SERIES, CloudHome, filled, home_at
from evexport_dagster_tests.clouds.s3_cloud import S3Cloud
from evexport_dagster_tests.delivery.conftest import Processes
from evexport_dagster_tests.delivery.state import assert_delivered, assert_whole

SLOW = {"method": "PUT", "path": "", "delay": 0.15}
"""A store in which a run spends most of its time."""


@pytest.fixture
def s3(request: pytest.FixtureRequest, tmp_path: Path) -> CloudHome:
    """A project with four files to put."""
    return filled(home_at("s3", request, tmp_path))


@pytest.mark.parametrize("moment", range(3))
def test_killed_at_any_moment(
    processes: Processes, s3: CloudHome, s3_cloud: S3Cloud, moment: int
) -> None:
    s3_cloud.faults(SLOW)
    for attempt in range(3):
        seconds = Random(3 * moment + attempt).uniform(0.1, 1.5)
        job = ("run_for", seconds, dict(s3.environment), str(s3.folder), "purchases")
        assert processes.run((*job, s3.now.isoformat()))[0] in (0, -signal.SIGKILL)
        assert_whole(s3)
    s3_cloud.faults()
    s3.run()
    assert_delivered(s3, SERIES)
