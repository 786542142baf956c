"""A year of a 4-hour export: eight months of history, four of windows, and a fault every day.

make soak
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from evexport_dagster_tests.delivery.conftest import Processes, processes
from evexport_dagster_tests.soak.year import spend

__all__ = ["processes"]


def test_every_event_is_in_one_place_after_a_year(tmp_path: Path, processes: Processes) -> None:
    daemon = spend(
        tmp_path / "project",
        processes,
        zone="America/Havana",
        start=dt.date(2026, 2, 20),
        before=250,
        days=115,
        faults_apart=dt.timedelta(hours=22),
        a_day=12,
        seed=2,
    )
    print(daemon.faults)  # noqa: T201
    assert sum(daemon.faults.values()) > 100
