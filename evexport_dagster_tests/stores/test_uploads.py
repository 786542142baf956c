"""Files of many deliveries, a few at a time: what is whole is given, whatever fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evexport_dagster.errors import AccessError, BusyError
from evexport_dagster.stores import uploaded
from evexport_dagster.stores.local import LocalStore

Delivery = tuple[str, list[tuple[str, Path]]]
FILE = Path("a file that nobody reads")


class Watched(LocalStore):
    """A store of which a test sees what is put, when, and what is put at the same time."""

    def __init__(self, put: Callable[[str], object] = str, at_once: int = 3) -> None:
        super().__init__("watched", Path())
        self.at_once = at_once
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.most = 0
        self._put, self._lock, self._now = put, Lock(), 0

    def put(self, key: str, path: Path) -> None:
        with self._lock:
            self.begun.append(key)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            self._put(key)
            self.ended.append(key)
        finally:
            with self._lock:
                self._now -= 1


def deliveries(*sizes: int) -> list[Delivery]:
    """Deliveries `0`, `1` ... of so many files, whose keys are `0.0`, `0.1` ..."""
    return [(str(n), [(f"{n}.{i}", FILE) for i in range(size)]) for n, size in enumerate(sizes)]


def nothing() -> None:
    """A heart that beats."""


def denied(*keys: str, others: float = 0) -> Callable[[str], None]:
    """A store that refuses some keys at once, and takes so many seconds for the others."""

    def put(key: str) -> None:
        if key in keys:
            raise AccessError(f"{key} is denied")
        time.sleep(others)

    return put


def given_by(uploads: Iterable[str]) -> tuple[list[str], BaseException | None]:
    """What comes, and what is raised in the end."""
    found = []
    try:
        for it in uploads:
            found.append(it)
    except AccessError as error:
        return found, error
    return found, None


def test_files_of_several_deliveries_are_put_at_the_same_time() -> None:
    together = Barrier(3)
    store = Watched(lambda _: together.wait(10))
    assert sorted(uploaded(deliveries(1, 1, 1), store, nothing)) == ["0", "1", "2"]
    assert store.most == 3


def test_a_delivery_does_not_wait_for_a_slow_one_before_it() -> None:
    later = Event()
    store = Watched(lambda key: key == "0.0" and later.wait(10))
    uploads = uploaded(deliveries(1, 1, 2, 0), store, nothing)
    assert sorted(next(uploads) for _ in range(3)) == ["1", "2", "3"]
    later.set()
    assert list(uploads) == ["0"]


def test_few_deliveries_are_begun_before_one_is_recorded() -> None:
    begun = []

    def announced() -> Iterator[Delivery]:
        for delivery in deliveries(*[1] * 20):
            begun.append(delivery[0])
            yield delivery

    store = Watched()
    for recorded, _ in enumerate(uploaded(announced(), store, nothing)):
        assert len(begun) - recorded <= 2 * store.at_once


def test_none_is_missed_that_becomes_whole_while_others_are_looked_at(
    request: pytest.FixtureRequest,
) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    many = deliveries(*[16] * 1500)
    found, error = given_by(uploaded(many, Watched(at_once=8), nothing))
    assert (sorted(found), error) == (sorted(name for name, _ in many), None)


def test_one_at_a_time_is_one_after_the_other() -> None:
    store = Watched(at_once=1)
    for number, it in enumerate(uploaded(deliveries(2, 1, 3), store, nothing)):
        assert it == str(number)
        assert {key.split(".")[0] for key in store.begun} == {str(n) for n in range(number + 1)}


@given(
    st.lists(st.integers(0, 4), max_size=12),
    st.sets(st.sampled_from(["0.0", "1.1", "3.0", "5.2", "7.0"])),
    st.integers(1, 4),
)
def test_what_is_whole_is_given_and_nothing_else(
    sizes: Sequence[int], wrong: set[str], at_once: int
) -> None:
    every = deliveries(*sizes)
    wrong &= {key for _, files in every for key, _ in files}
    store = Watched(denied(*wrong), at_once)
    found, error = given_by(uploaded(every, store, nothing))
    whole = {n for n, files in every if all(key in store.ended for key, _ in files)}
    assert {n for n in whole if sizes[int(n)]} <= set(found) <= whole
    assert len(set(found)) == len(found)
    assert store.most <= at_once
    assert (error is None) == (not wrong)
    if not wrong:
        assert len(found) == len(every)


def test_after_a_failure_nothing_begins() -> None:
    store = Watched(denied("0.0", others=0.01), at_once=2)
    found, error = given_by(uploaded(deliveries(1, *[50] * 20), store, nothing))
    assert (found, str(error)) == ([], "0.0 is denied")
    assert len(store.begun) < 20


def test_a_run_that_has_to_end_puts_nothing_more() -> None:
    def beat() -> None:
        if store.begun:
            raise BusyError("another run took the window over")

    store = Watched(at_once=1)
    with pytest.raises(BusyError):
        list(uploaded(deliveries(5, 5), store, beat))
    assert store.begun == ["0.0"]


def test_a_run_that_lost_its_window_gives_nothing_more() -> None:
    lost = Event()

    def beat() -> None:
        if lost.is_set():
            raise BusyError("another run took the window over")

    def put(key: str) -> None:
        if key == "0.0":
            lost.set()
            raise AccessError("denied")
        lost.wait(10)

    with pytest.raises(BusyError):
        list(uploaded(deliveries(1, 1, 1), Watched(put), beat))


def test_who_stops_asking_stops_what_was_not_begun() -> None:
    store = Watched(denied(others=0.01), at_once=2)
    with closing(uploaded(deliveries(1, 100, 100), store, nothing)) as uploads:
        next(uploads)
    assert len(store.begun) < 20
