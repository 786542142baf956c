"""A course of time with faults in it, and what must hold in the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from evexport_dagster.exports import next_run
from evexport_dagster.windows import day_start
from evexport_dagster_tests.delivery.conftest import Processes
from evexport_dagster_tests.handmade import Document, Handmade, recurring, visible
from evexport_dagster_tests.soak.daemon import Daemon
from evexport_dagster_tests.soak.world import World, delivered, happenings

_DAY, _HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
Fault = Callable[[Daemon], None]

EDITS: tuple[Document, ...] = (
    {"user_properties": ["Email"]},
    {"folder": "export_id"},
    {"manifest": True},
    {"timestamp": "datetime"},
    {"folder": "run_date", "manifest": False},
)


def spend(
    folder: Path,
    processes: Processes,
    *,
    zone: str,
    start: dt.date,
    before: int,
    days: int,
    faults_apart: dt.timedelta,
    a_day: int,
    seed: int,
) -> Daemon:
    """Let a 4-hour export live for so many days, with the history of those before, and something
    that befalls it again and again; then check where every event is."""
    rng = Random(seed)
    home = Handmade(folder, zone=zone, now=day_start(start, ZoneInfo(zone)) + 30 * _HOUR)
    first = day_start(start - before * _DAY, ZoneInfo(zone))
    end = day_start(start + days * _DAY, ZoneInfo(zone))
    world = World(home, happenings(rng, first, end, a_day))
    world.reveal()
    spec: Document = {
        "events": {"select": "all"},
        "schedule": recurring(
            every="4h",
            start=str(start),
            first=str(start - before * _DAY),
            last=str(start - _DAY),
        ),
    }
    home.spec(**spec)
    daemon = Daemon(world, processes, rng, spec)
    home.open().create("purchases")
    daemon.events = _faults(rng, home.now, end, faults_apart)
    daemon.live(end + _DAY)
    daemon.sleep(0)
    daemon.live(end + 3 * _DAY)
    check(daemon)
    return daemon


def check(daemon: Daemon) -> None:
    """Every event of the source is in exactly one place, and nothing is left to do."""
    home, project = daemon.home, daemon.home.open()
    jobs = [project.job("purchases"), project.job("purchases_history")]
    expected, found = daemon.world.places(jobs, home.now), delivered(home)
    assert len(expected) == len(daemon.world.happenings)
    assert sorted((expected - found).items()) == [], "lost"
    assert sorted((found - expected).items()) == [], "twice, or in a wrong place"
    for job in jobs:
        assert project.unattended.look_for_late(job.name).found == ()
        facts = project.unattended.facts(job.name, queued=False)
        planned = next_run(facts, home.now) if facts else None
        assert planned is None or not planned.is_due(home.now)
    assert not [key for key in home.tree() if not visible(key)]
    rows = {row.name: row for row in project.list()}
    assert (rows["purchases"].status, rows["purchases_history"].status) == ("Pending", "Done")
    assert [row.last_failure for row in rows.values()] == [None, None]


def _faults(
    rng: Random, start: dt.datetime, end: dt.datetime, apart: dt.timedelta
) -> list[tuple[dt.datetime, Fault]]:
    """Something befalls the daemon at each of these times: one of each kind, then in any order."""
    edits = iter(EDITS)

    def edit(daemon: Daemon) -> None:
        if changes := next(edits, None):
            daemon.edit(**changes)

    kinds: list[Fault] = [
        Daemon.kill_next,
        lambda it: it.outage(0.2 + rng.random() / 3, of="source"),
        edit,
        lambda it: it.outage(rng.uniform(1, 5), of="destination"),
        lambda it: it.deliver_again(2),
        lambda it: it.sleep(rng.uniform(1, 20)),
        Daemon.kill_next,
        Daemon.reload,
    ]
    times, time = [], start + apart * rng.random()
    while time < end:
        times.append(time)
        time += apart * rng.uniform(0.7, 1.3)
    return [(time, kinds[number % len(kinds)]) for number, time in enumerate(times)]
