"""How far an export is, and what it has trouble with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from evexport_dagster.errors import RefusedError
from evexport_dagster.ledger import (
    Failure,
    Ledger,
    NewFailure,
    NewNotice,
    Outcome,
    Receiver,
    Trouble,
)

from .samples import HOURS, NOW, RUN, TTL, WINDOW, create, leased, plain, receipt

TROUBLE = Trouble(WINDOW, ("bug", "spec"), NOW, 2, NOW + HOURS)


def test_the_events_of_each_window_that_are_delivered_are_counted(ledger: Ledger) -> None:
    export_id = leased(ledger)
    assert ledger.leases.acquire(export_id, WINDOW + HOURS, RUN, NOW, TTL)
    late = ledger.events.register(export_id, [("Late", WINDOW + HOURS)], plain, NOW)[0].name
    for event, window in (("Charged", WINDOW), (late, WINDOW), ("Charged", WINDOW + HOURS)):
        key = f"{event}-{window.timestamp()}"
        ledger.deliveries.record(receipt(export_id, [key], event=event, window=window), RUN)

    def counted(since: int = 0, events: list[str] | None = None) -> list[tuple[int, int]]:
        counts = ledger.windows.delivered(export_id, WINDOW + since * HOURS, events)
        return sorted(((start - WINDOW) // HOURS, count) for start, count in counts.items())

    assert counted() == [(0, 1), (1, 1)]
    assert counted(since=1) == [(1, 1)]
    assert counted(events=["Late"]) == []
    later = ledger.windows.delivered(export_id, WINDOW + HOURS, None, before=[WINDOW])
    assert later == {WINDOW: 1, WINDOW + HOURS: 1}
    assert ledger.windows.delivered(export_id, WINDOW + 2 * HOURS, None, before=[WINDOW]) == {
        WINDOW: 1
    }
    assert ledger.windows.begun(export_id) == set()
    ledger.attempts.begin(export_id, WINDOW, ["Charged"], 1, RUN, NOW)
    assert counted() == [(1, 1)]
    assert not ledger.windows.delivered(export_id, WINDOW + 2 * HOURS, None, before=[WINDOW])
    assert ledger.windows.begun(export_id) == {WINDOW}


def test_a_trouble_and_its_notices_are_kept_at_once(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    receivers = (Receiver("email", "a@example.com"),)
    notice = NewNotice("1-failed", export_id, "failed", {}, receivers, NOW)
    assert ledger.troubles.of(export_id) is None
    ledger.troubles.advance(export_id, lambda *_: Outcome(TROUBLE, [notice]))
    assert ledger.troubles.of(export_id) == TROUBLE
    seen: list[Trouble | None] = []

    def end(before: Trouble | None, _: Sequence[Failure]) -> Outcome:
        seen.append(before)
        return Outcome(None)

    ledger.troubles.advance(export_id, end)
    assert seen == [TROUBLE]
    assert ledger.troubles.of(export_id) is None
    assert [it.notice_id for it in ledger.notices.of(export_id)] == ["1-failed"]


def test_a_step_that_fails_changes_nothing(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    ledger.troubles.advance(export_id, lambda *_: Outcome(replace(TROUBLE, kinds=())))

    def break_off(before: Trouble | None, _: Sequence[Failure]) -> Outcome:
        raise ValueError("no")

    new = NewFailure(WINDOW, "spec", "forbidden", RUN, NOW)
    with pytest.raises(ValueError, match="no"):
        ledger.troubles.failed(export_id, new, break_off)
    assert ledger.troubles.of(export_id) == replace(TROUBLE, kinds=())
    assert ledger.failures.of(export_id) == ()
    with pytest.raises(RefusedError):
        ledger.troubles.advance(export_id + 1, lambda *_: Outcome(None))
