"""Requests are repeated while they may pass, with growing waits, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evexport_dagster.stores import retries
from evexport_dagster.stores.retries import Patience, asked_pause, persistently


class Clock:
    """A time that passes only where somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        """What time it is."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the retries."""
    made = Clock()
    monkeypatch.setattr(retries, "time", made)
    return made


def failing(clock: Clock, each: float, starts: list[float]) -> Callable[[], None]:
    """A request that fails after so many seconds, and when it was begun."""

    def action() -> None:
        starts.append(clock.now)
        clock.now += each
        raise TimeoutError

    return action


def always(_: Exception) -> float:
    """Everything passes."""
    return 0


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 1000))
def test_the_time_is_bounded_however_long_an_attempt_takes(
    total: float, each: float, asked: float
) -> None:
    clock, starts = Clock(), list[float]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retries, "time", clock)
        with pytest.raises(TimeoutError):
            persistently(failing(clock, each, starts), lambda _: asked, Patience(total=total))
    failed = starts[0] + each
    assert starts[-1] <= failed + total + 1e-6
    assert starts[-1] >= failed + total - each - 5.0


def test_a_long_first_attempt_costs_no_patience(clock: Clock) -> None:
    starts: list[float] = []
    with pytest.raises(TimeoutError):
        persistently(failing(clock, 600, starts), always, Patience(total=30))
    assert len(starts) == 2


def test_waits_grow_up_to_the_longest() -> None:
    waits = Patience(first=0.2, longest=5).waits()
    assert [*islice(waits, 7)] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])


def test_those_that_failed_together_come_back_apart(clock: Clock) -> None:
    with pytest.raises(TimeoutError):
        persistently(failing(clock, 0, []), always, Patience(total=100))
    assert len(set(clock.sleeps)) == len(clock.sleeps)
    assert max(clock.sleeps) <= 5


def test_what_does_not_pass_is_not_repeated(clock: Clock) -> None:
    starts: list[float] = []
    with pytest.raises(TimeoutError):
        persistently(failing(clock, 1, starts), lambda _: None, Patience())
    assert len(starts) == 1


def test_a_store_gets_the_time_it_asks_for(clock: Clock) -> None:
    answers: Iterator[BaseException | str] = iter([TimeoutError(), TimeoutError(), "done"])

    def action() -> str:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    assert persistently(action, lambda _: 7.0, Patience(total=30)) == "done"
    assert clock.sleeps == [7.0, 7.0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "120"}, 120),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({}, 0),
        (None, 0),
    ],
)
def test_the_time_that_an_answer_asks_for(headers: Mapping[str, str] | None, seconds: int) -> None:
    assert asked_pause(headers) == seconds


def test_nobody_waits_in_vain() -> None:
    before = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        persistently(lambda: 1 // 0, always, Patience(total=0))
    assert time.monotonic() - before < 1
