"""`kill -9` at every step: nothing half-written is visible, and the next run repairs."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from evexport_dagster_tests.delivery.conftest import Processes
from evexport_dagster_tests.delivery.state import assert_delivered, assert_whole
from evexport_dagster_tests.handmade import Handmade, at, event, text, visible

EVERYTHING = Counter(map(str, range(7)))
DELIVERY = (
    ("open the ledger", "before", 1),
    ("create the export", "before", 1),
    ("create the export", "after", 1),
    ("take a chunk", "after", 1),
    ("write records", "after", 2),
    ("commit the columns", "after", 1),
    ("begin the attempt", "after", 1),
    ("copy to the destination", "before", 2),
    ("copy to the destination", "in", 2),
    ("rename", "after", 1),
    ("rename", "before", 3),
    ("record the receipt", "before", 1),
    ("record the receipt", "after", 1),
    ("record the receipt", "after", 2),
    ("release the lease", "after", 1),
)
"""A run that has four files to put, the first three of one event: (step, when, n-th time)."""
AGAIN = (
    ("rename", "before", 1),
    ("rename", "after", 1),
    ("record the receipt", "before", 1),
    ("record the receipt", "after", 1),
    ("delete a stale file", "after", 1),
    ("forget the stale file", "after", 1),
)
"""A run that replaces them by two files of the first event and one of the other."""


def kill(
    processes: Processes, home: Handmade, step: str, when: str, times: int, *more: str
) -> None:
    """Run the export in a process that is killed at a step."""
    job = ("run_and_die", step, when, times, str(home.folder), "purchases", home.now.isoformat())
    assert processes.run((*job, *more)) == [-signal.SIGKILL]


@pytest.mark.parametrize(("step", "when", "times"), DELIVERY)
def test_a_first_delivery(
    processes: Processes, series: Handmade, step: str, when: str, times: int
) -> None:
    kill(processes, series, step, when, times)
    assert_whole(series)
    series.run()
    assert_delivered(series, EVERYTHING)


@pytest.mark.parametrize(("step", "when", "times"), AGAIN)
def test_a_delivery_again(
    processes: Processes, series: Handmade, step: str, when: str, times: int
) -> None:
    series.run()
    series.events(
        [
            *(event("Charged", at(0, n), instance=n // 4, n=n) for n in range(3, 6)),
            event("App Launched", at(0), n=16),
        ]
    )
    kill(processes, series, step, when, times, at(0).isoformat())
    assert all(text(data) for key, data in series.tree().items() if visible(key))
    # A plain run is enough: it takes what was begun again, and removes what became stale.
    series.run()
    assert_delivered(series, Counter(["3", "4", "5", "16"]))


def test_the_names_and_the_bytes_of_a_repaired_run_are_those_of_an_undisturbed_one(
    processes: Processes, series: Handmade
) -> None:
    series.run()
    undisturbed = series.tree()
    for path in undisturbed:
        (series.out / path).unlink()
    kill(processes, series, "rename", "after", 2, at(0).isoformat())
    assert undisturbed.items() > series.tree().items()
    series.run()
    assert series.tree() == undisturbed


def test_a_window_that_was_delivered_is_not_delivered_again(
    processes: Processes, home: Handmade
) -> None:
    kill(processes, home, "record the receipt", "after", 3)
    done = home.receipts()
    assert [(it.window_start, it.event) for it in done] == [
        (at(0), "App Launched"),
        (at(0), "Charged"),
        (at(1), "Charged"),
    ]
    times = {path: (home.out / path).stat().st_mtime_ns for path in home.tree()}
    home.run()
    for receipt in done:
        for file in receipt.files:
            assert (home.out / file.key).stat().st_mtime_ns == times[file.key]
    assert len(home.receipts()) == 6
