"""Four runs of one export at once: every window once."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter
from pathlib import Path

from evexport_dagster_tests.delivery.conftest import ROOT, Processes
from evexport_dagster_tests.delivery.state import assert_delivered
from evexport_dagster_tests.handmade import Handmade, event, recurring

RUNS = 4


def test_four_runs_in_python(processes: Processes, home: Handmade) -> None:
    job = ("run", str(home.folder), "purchases", home.now.isoformat())
    assert processes.run(*[job] * RUNS) == [0] * RUNS
    values = [
        f"{n} {d} {h}" for n in ("Charged", "App Launched") for d in range(3) for h in (1, 23)
    ]
    assert_delivered(home, Counter(values))
    assert Counter((home.folder / "puts").read_text().splitlines()) == Counter(home.tree().keys())


def test_four_runs_of_the_command(processes: Processes, home: Handmade, tmp_path: Path) -> None:
    home.now = dt.datetime.now(dt.UTC)
    today = (home.now - dt.timedelta(minutes=6)).date()
    first = dt.datetime.combine(today - dt.timedelta(days=2), dt.time(), dt.UTC)
    days = [first, first + dt.timedelta(days=1)]
    home.events(
        event("Charged", day + dt.timedelta(hours=hour), n=f"{day} {hour}")
        for day in days
        for hour in (0, 5)
    )
    home.spec(events={"select": ["Charged"]}, schedule=recurring(start=str(first.date())))
    shutil.copy(ROOT / "dagster.yaml", home.folder)
    job = ("command", "run", "purchases", "--project", str(home.folder))
    assert processes.run(*[job] * RUNS) == [0] * RUNS
    assert_delivered(home, Counter(f"{day} {hour}" for day in days for hour in (0, 5)))
    runs = Counter(it.run_id for it in home.receipts())
    assert sum(runs.values()) == len(days)
    assert "python" not in runs
