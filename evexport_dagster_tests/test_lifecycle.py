"""What is told of failures: three days in a moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evexport_dagster.errors import Kind
from evexport_dagster.ledger import Failure, Trouble
from evexport_dagster.lifecycle import (
    DAY,
    Failed,
    StoppedByHand,
    Succeeded,
    TellFailed,
    Telling,
    TellRecovered,
    TellStopped,
    advance,
    status_of,
)

NOW = dt.datetime(2026, 6, 14, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
WINDOW = NOW - DAY


def failed(kind: Kind, at: dt.datetime, window: dt.datetime = WINDOW) -> Failed:
    return Failed(Failure(1, window, kind, "no", at, at, 1, "run"))


def told(facts: Iterable[Failed | Succeeded | StoppedByHand]) -> tuple[Trouble | None, list[list]]:  # type: ignore[type-arg]
    trouble: Trouble | None = None
    tellings: list[list[Telling]] = []
    for fact in facts:
        trouble, made = advance(trouble, fact)
        tellings.append(list(made))
    return trouble, tellings


def test_three_days_of_hourly_checks_are_three_notices_the_last_of_them_the_stop() -> None:
    trouble: Trouble | None = None
    at, when = NOW, []
    for _ in range(60):
        trouble, made = advance(trouble, failed("access", at))
        when += [((at - NOW) / HOUR, it) for it in made]
        at += HOUR
    assert when == [
        (0, TellFailed(1, stops_at=NOW + 2 * DAY)),
        (24, TellFailed(2, stops_at=NOW + 2 * DAY)),
        (48, TellStopped()),
    ]


def test_what_is_mended_in_time_begins_to_count_anew() -> None:
    late = NOW + 47 * HOUR
    trouble, tellings = told(
        [
            failed("access", NOW),
            failed("access", NOW + DAY),
            Succeeded(WINDOW, wrote=True),
            failed("access", late),
            failed("access", late + DAY),
        ]
    )
    numbers = [[it.number for it in made if isinstance(it, TellFailed)] for made in tellings]
    assert numbers == [[1], [2], [], [1], [2]]
    assert tellings[2] == [TellRecovered()]
    assert trouble is not None


def test_checks_that_come_late_do_not_stop_an_export_an_hour_after_a_notice() -> None:
    outage = NOW + 3 * DAY
    trouble, tellings = told(
        [failed("access", it) for it in (NOW, outage, outage + HOUR, outage + 11 * HOUR)]
    )
    assert [len(made) for made in tellings] == [1, 1, 0, 0]
    trouble, made = advance(trouble, failed("access", outage + 12 * HOUR))
    assert made == (TellStopped(),)


def test_an_export_that_is_given_up_stays_so() -> None:
    facts = [failed("access", NOW + n * DAY) for n in range(3)]
    trouble, _ = told(facts)
    again, made = advance(trouble, failed("access", NOW + 9 * DAY))
    assert made == ()
    assert again == trouble


@pytest.mark.parametrize("kind", ["spec", "unavailable", "bug"])
def test_any_other_failure_is_told_once_however_often_it_is_tried(kind: Kind) -> None:
    facts = [failed(kind, NOW + n * dt.timedelta(minutes=5)) for n in range(2000)]
    trouble, tellings = told([*facts, Succeeded(WINDOW, wrote=False)])
    assert tellings[0] == [TellFailed()]
    assert tellings[-1] == [TellRecovered()]
    assert sum(map(len, tellings)) == 2
    assert trouble is None


def test_a_failure_of_another_kind_is_news_and_does_not_end_the_count_of_access() -> None:
    _, tellings = told(
        [
            failed("unavailable", NOW),
            failed("access", NOW + HOUR),
            failed("unavailable", NOW + 2 * HOUR),
            failed("access", NOW + HOUR + DAY),
            failed("spec", NOW + 2 * DAY),
        ]
    )
    assert [len(made) for made in tellings] == [1, 1, 0, 1, 1]
    assert tellings[3] == [TellFailed(2, stops_at=NOW + HOUR + 2 * DAY)]


@pytest.mark.parametrize(
    ("window", "wrote", "mended"),
    [
        (WINDOW, False, True),
        (WINDOW + DAY, True, True),
        (WINDOW + DAY, False, False),
        (WINDOW - DAY, True, False),
    ],
)
def test_what_proves_that_access_is_mended(window: dt.datetime, wrote: bool, mended: bool) -> None:
    trouble, tellings = told([failed("access", NOW), Succeeded(window, wrote)])
    assert (trouble is None) == mended
    assert tellings[1] == ([TellRecovered()] if mended else [])


def test_success_without_trouble_is_no_news() -> None:
    assert told([Succeeded(WINDOW, wrote=True)]) == (None, [[]])


def test_a_stop_by_a_person_is_told() -> None:
    assert told([failed("bug", NOW), StoppedByHand()]) == (None, [[TellFailed()], [TellStopped()]])


@given(st.lists(st.integers(1, 30), max_size=40))
def test_notices_of_access_are_never_before_their_day_and_never_more_than_three(
    hours: list[int],
) -> None:
    trouble: Trouble | None = None
    at, when, ends = NOW, list[dt.datetime](), list[bool]()
    for wait in (0, *hours):
        at += wait * HOUR
        trouble, made = advance(trouble, failed("access", at))
        when += [at for _ in made]
        ends += [isinstance(it, TellStopped) for it in made]
    assert ends == [False, False, True][: len(when)]
    assert all(it >= NOW + n * DAY for n, it in enumerate(when))
    assert all(late - early >= DAY / 2 for early, late in pairwise(when))


@pytest.mark.parametrize(
    ("state", "running", "status"),
    [
        ("active", False, "Pending"),
        ("active", True, "Running"),
        ("done", True, "Running"),
        ("done", False, "Done"),
        ("stopped", True, "Stopped"),
    ],
)
def test_status(state: str, running: bool, status: str) -> None:
    assert status_of(state, running=running) == status  # type: ignore[arg-type]
