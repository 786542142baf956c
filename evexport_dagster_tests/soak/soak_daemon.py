"""A real daemon that catches up days of 4-hour windows, and is killed again and again.

Its processes are killed in turn: a run, the code server, the daemon itself, which is then started
again as a supervisor would. Meanwhile rows come late.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from random import Random

from evexport_dagster_tests.defs.conftest import fresh_home, home
from evexport_dagster_tests.handmade import Handmade, recurring
from evexport_dagster_tests.soak.real import Kind, RealDaemon
from evexport_dagster_tests.soak.world import Happening, World, delivered

__all__ = ["fresh_home", "home"]

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
DAYS = 2
KILLS: tuple[Kind, ...] = ("run", "code server", "run", "daemon", "run")
"""What is killed, each time once something more was delivered."""
PATIENCE, MOST_SECONDS = 120, 1800


def test_every_event_is_in_one_place_whatever_is_killed(tmp_path: Path, home: Path) -> None:
    made = Handmade(tmp_path / "project", now=dt.datetime.now(dt.UTC))
    (home / "dagster.yaml").write_text(
        "concurrency: {pools: {granularity: run}}\ntelemetry: {enabled: false}\n"
    )
    made.configure(settle="1m")
    first = made.now.replace(hour=0, minute=0, second=0, microsecond=0) - DAYS * DAY
    rng = Random(3)
    known = [
        Happening(str(number), rng.choice(["Charged", "App Launched"]), happens, happens)
        for number, happens in enumerate(
            first + rng.random() * DAYS * DAY for _ in range(DAYS * 40)
        )
    ]
    world = World(made, sorted(known, key=lambda it: it.arrives))
    world.reveal()
    made.spec(
        events={"select": "all"},
        schedule=recurring("4h", str(first.date())),
        late_events={"look_back": "9d"},
    )
    project = made.open()
    project.create("purchases")
    job = project.job("purchases")
    daemon = RealDaemon(made.folder, home, tmp_path)
    daemon.start()
    until, kills, number = time.monotonic() + MOST_SECONDS, list(KILLS), 0
    before, patience = delivered(made), time.monotonic() + PATIENCE
    try:
        while True:
            made.now = dt.datetime.now(dt.UTC)
            assert time.monotonic() < until, (kills, project.show("purchases"))
            expected = world.places([job], made.now)
            found = delivered(made)
            if not kills and found == expected:
                break
            waits = found == before and time.monotonic() < patience
            if kills and not waits and daemon.kill(kills[0]):
                if kills.pop(0) == "daemon":
                    daemon.end()
                    daemon.start()
            elif not kills or time.monotonic() < patience:
                time.sleep(0.1)
                continue
            # Whatever was delivered by now, there is something to do again.
            number, before, patience = number + 1, found, time.monotonic() + PATIENCE
            _come_late(world, number, first)
        assert len(expected) == len(world.happenings)
        assert project.look_for_late("purchases").found == ()
        assert project.list()[0].last_failure is None
    finally:
        daemon.end()


def _come_late(world: World, number: int, first: dt.datetime) -> None:
    """A row arrives now that happened on the first day, when its window may be delivered."""
    now = world.home.now
    name = "Charged" if number % 2 else f"Special {number}"
    world.happenings.append(Happening(f"1000{number}", name, first + number * HOUR, now))
    world.reveal()
