"""`kill -9` at every step: nothing half-written is visible, and the next run repairs."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from evexport_dagster_tests.delivery.conftest import Processes
from evexport_dagster_tests.delivery.state import assert_delivered, assert_whole
from evexport_dagster_tests.handmade import Handmade, at, event, tree

EVERYTHING = Counter(map(str, range(7)))
ONCE = (
    "open the ledger",
    "create the export",
    "take the lease",
    "stage the window",
    "commit the columns",
    "begin the attempt",
    "finish the files",
    "forget failures",
    "release the lease",
)
# The second time is in the middle of the first event's three files, or between the two events.
TWICE = ("write records", "end a member", "copy to the destination", "rename", "record the receipt")


def kill(
    processes: Processes, home: Handmade, step: str, when: str, times: int, *more: str
) -> None:
    """Run the export in a process that is killed at a step."""
    job = ("run_and_die", step, when, times, str(home.folder), "purchases", home.now.isoformat())
    assert processes.run((*job, *more)) == [-signal.SIGKILL]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("step", "times"), [*((it, 1) for it in ONCE), *((it, 2) for it in TWICE)])
def test_a_first_delivery(
    processes: Processes, series: Handmade, step: str, times: int, when: str
) -> None:
    kill(processes, series, step, when, times)
    assert_whole(series)
    series.run()
    assert_delivered(series, EVERYTHING)


def test_in_the_middle_of_a_copy(processes: Processes, series: Handmade) -> None:
    kill(processes, series, "copy to the destination", "in", 2)
    assert any(key.endswith(".part") for key in series.tree())
    assert_whole(series)
    series.run()
    assert_delivered(series, EVERYTHING)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("step", "times"),
    [
        ("rename", 2),
        ("record the receipt", 1),
        ("delete a stale file", 1),
        ("forget the stale file", 1),
        ("release the lease", 1),
    ],
)
def test_a_delivery_again(
    processes: Processes, series: Handmade, step: str, times: int, when: str
) -> None:
    series.run()
    # The source has changed: other rows, and one file less.
    series.events(
        [
            *(event("Charged", at(0, n), instance=n // 4, n=n + 10) for n in range(2, 6)),
            event("App Launched", at(0), n=6),
        ]
    )
    kill(processes, series, step, when, times, at(0).isoformat())
    assert_whole(series)
    # A plain run is enough: it takes what was begun again and not recorded.
    series.run()
    if "stale" in step:
        series.run(from_=at(0))
    assert_delivered(series, Counter(["12", "13", "14", "15", "6"]))


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
    assert_delivered(
        home,
        Counter(
            {
                f"{n} {d} {h}": 1
                for n in ("Charged", "App Launched")
                for d in range(3)
                for h in (1, 23)
            }
        ),
    )
    for receipt in done:
        for file in receipt.files:
            assert (home.out / file.key).stat().st_mtime_ns == times[file.key]
    assert tree(home.out)
