"""Some days in some seconds: one of each fault, across a change of the clock."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from evexport_dagster_tests.delivery.conftest import Processes, processes
from evexport_dagster_tests.soak.year import spend

__all__ = ["processes"]


@pytest.mark.long
def test_every_event_is_in_one_place_after_some_days(tmp_path: Path, processes: Processes) -> None:
    daemon = spend(
        tmp_path / "project",
        processes,
        zone="America/Havana",
        start=dt.date(2026, 3, 6),
        before=1,
        days=3,
        faults_apart=dt.timedelta(hours=5),
        a_day=30,
        seed=1,
    )
    faults = {name.partition(" (")[0] for name in daemon.faults}
    wanted = {"killed", "down", "edit", "outage of the source", "outage of the destination"}
    assert wanted | {"late", "again", "reload"} <= faults
