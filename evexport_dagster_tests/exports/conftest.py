from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evexport_dagster_tests.handmade import Handmade, at, event


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Handmade]:
    """A project with one export and three days of two events."""
    made = Handmade(tmp_path / "project")
    made.events(
        event(name, at(day, hour), n=f"{name} {day} {hour}")
        for day in range(3)
        for hour in (1, 23)
        for name in ("Charged", "App Launched")
    )
    made.spec()
    yield made
    made.close()
