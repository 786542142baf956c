"""Who waits for whom."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pytest

from evexport_dagster.engine import scratch
from evexport_dagster.exports import Progress, leases
from evexport_dagster.exports.holders import is_gone, new_holder
from evexport_dagster.exports.leases import LEASE
from evexport_dagster.ledger import Ledger
from evexport_dagster_tests.delivery.conftest import Processes
from evexport_dagster_tests.handmade import Handmade, at

MINUTE = dt.timedelta(minutes=1)


def lease(home: Handmade, holder: str) -> None:
    """Let somebody else hold the first window."""
    with Ledger.open(f"sqlite:///{home.folder}/.evexport/ledger.db") as ledger:
        export_id = ledger.exports.registered()[0].export_id
        assert ledger.leases.acquire(export_id, at(0), holder, home.now, LEASE)


def test_a_run_elsewhere_is_waited_for_until_it_was_silent_for_long(
    series: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_POLL_SECONDS", 0.01)
    series.open().create("purchases")
    lease(series, "their-run/0123/another-boot:4026531836/17/1234")
    assert series.open().list()[0].status == "Running"
    waited = []

    def on_progress(progress: Progress) -> None:
        if progress.stage == "waiting":
            waited.append(series.now)
            series.now += MINUTE / 2

    assert len(series.run(on_progress=on_progress)) == 2
    assert waited[-1] - waited[0] == LEASE


def test_a_run_of_a_process_that_is_gone_is_not_waited_for(series: Handmade) -> None:
    series.open().create("purchases")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = of_process(process.pid)
    lease(series, holder)
    assert not is_gone(holder)
    process.communicate()
    assert is_gone(holder)
    assert series.open().list()[0].status == "Pending"
    assert len(series.run(on_progress=no_waiting)) == 2


def test_a_zombie_and_a_number_that_is_used_again_are_gone() -> None:
    holder = new_holder("run")
    assert not is_gone(holder)
    assert is_gone(holder.rpartition("/")[0] + "/1")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = of_process(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(theirs)
    process.communicate()


@pytest.mark.parametrize("holder", ["run", "run/0123", "run/0123/another-boot:1/1/1", "a/b/c/d"])
def test_who_cannot_be_known_may_be_alive(holder: str) -> None:
    assert not is_gone(holder)


def of_process(pid: int) -> str:
    """The holder that a run in this process would be."""
    *run, place, _, _ = new_holder("run").split("/")
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        started = stat.read().rpartition(")")[2].split()[19]
    return "/".join([*run, place, str(pid), started])


def no_waiting(progress: Progress) -> None:
    assert progress.stage != "waiting"


def test_scratch_of_a_killed_run_goes_with_the_next_and_of_a_living_one_stays(
    processes: Processes, series: Handmade
) -> None:
    place = series.folder / ".scratch"
    with scratch(place, "mine") as mine:
        (mine / "file").touch()
        job = ("write records", "after", 1, str(series.folder), "purchases", series.now.isoformat())
        processes.run(("run_and_die", *job))
        assert len(list(place.iterdir())) == 2
        series.run()
        assert [path.name for path in place.iterdir()] == [mine.name]
        assert (mine / "file").exists()
    assert not place.exists()
