"""The outbox: facts once, lines in order, senders that fail, die or race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from evexport_dagster.errors import BusyError, RefusedError
from evexport_dagster.ledger import Ledger, NewNotice, Receiver

from .samples import HISTORY, NOW, RUN, WINDOW, create, leased, receipt

HOOK = Receiver("webhook")
ANN, BOB = Receiver("email", "ann@acme.com"), Receiver("email", "bob@acme.com")
MINUTE = timedelta(minutes=1)


def notice(export_id: int, notice_id: str = "one", *receivers: Receiver) -> NewNotice:
    return NewNotice(
        notice_id=notice_id,
        export_id=export_id,
        kind="started",
        fact={"export": "purchases", "rows": 10**30, "text": "é\0"},
        receivers=receivers or (HOOK,),
        created_at=NOW,
        window_start=WINDOW,
    )


def ids(ledger: Ledger, receiver: Receiver = HOOK) -> list[str]:
    return [it.notice.notice_id for it in ledger.notices.waiting(receiver)]


def test_the_same_fact_twice_is_one_notice(ledger: Ledger) -> None:
    new = notice(create(ledger).export_id)
    assert ledger.notices.add(new)
    assert not ledger.notices.add(replace(new, fact={"another": "value"}))
    (kept,) = ledger.notices.of(new.export_id, WINDOW)
    assert (kept.fact, kept.kind, kept.created_at) == (new.fact, "started", NOW)
    assert ids(ledger) == ["one"]


def test_a_notice_belongs_to_an_export(ledger: Ledger) -> None:
    with pytest.raises(RefusedError):
        ledger.notices.add(notice(7))


def test_each_receiver_has_a_line_in_the_order_of_the_facts(ledger: Ledger) -> None:
    first, second = create(ledger).export_id, create(ledger, HISTORY).export_id
    ledger.notices.add(notice(second, "one", BOB, ANN, ANN))
    ledger.notices.add(notice(first, "two", ANN, HOOK))
    assert ledger.notices.lines() == (ANN, BOB, HOOK)
    assert ids(ledger, ANN) == ["one", "two"]
    assert (ids(ledger, BOB), ids(ledger)) == (["one"], ["two"])


def test_what_follows_waits_for_what_could_not_be_told(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    for name in ("one", "two"):
        ledger.notices.add(notice(export_id, name, HOOK, ANN))
    taken = ledger.notices.take(HOOK, NOW, NOW + MINUTE)
    assert taken is not None
    ledger.notices.failed(taken, "busy", NOW + 5 * MINUTE)
    assert ledger.notices.take(HOOK, NOW + 4 * MINUTE, NOW + 9 * MINUTE) is None
    assert ledger.notices.take(ANN, NOW, NOW + MINUTE) is not None, "another line goes on"
    again = ledger.notices.take(HOOK, NOW + 5 * MINUTE, NOW + 9 * MINUTE)
    assert again is not None
    assert (again.notice.notice_id, again.attempts, again.error) == ("one", 2, "busy")
    ledger.notices.sent(again, NOW + 5 * MINUTE)
    assert ids(ledger) == ["two"]


def test_what_is_refused_for_ever_holds_nothing_up(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    for name in ("one", "two"):
        ledger.notices.add(notice(export_id, name))
    taken = ledger.notices.take(HOOK, NOW, NOW + MINUTE)
    assert taken is not None
    ledger.notices.refused(taken, "never", NOW)
    assert ids(ledger) == ["two"]


def test_a_sender_that_dies_leaves_its_notice_to_the_next(ledger: Ledger) -> None:
    ledger.notices.add(notice(create(ledger).export_id))
    assert ledger.notices.take(HOOK, NOW, NOW + MINUTE) is not None
    assert ledger.notices.take(HOOK, NOW, NOW + MINUTE) is None
    again = ledger.notices.take(HOOK, NOW + MINUTE, NOW + 2 * MINUTE)
    assert again is not None
    assert again.attempts == 2


def test_what_was_told_meanwhile_stays_told(ledger: Ledger) -> None:
    ledger.notices.add(notice(create(ledger).export_id))
    slow = ledger.notices.take(HOOK, NOW, NOW)
    quick = ledger.notices.take(HOOK, NOW, NOW + MINUTE)
    assert slow is not None
    assert quick is not None
    ledger.notices.sent(quick, NOW)
    ledger.notices.failed(slow, "too slow", NOW)
    ledger.notices.refused(slow, "too slow", NOW)
    assert ledger.notices.lines() == ()


def test_two_senders_never_take_the_same_notice(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    for number in range(12):
        ledger.notices.add(notice(export_id, f"{number:02}"))

    def send(_: int) -> list[str]:
        found = []
        while ledger.notices.lines():
            if taken := ledger.notices.take(HOOK, NOW, NOW + MINUTE):
                found.append(taken.notice.notice_id)
                ledger.notices.sent(taken, NOW)
        return found

    with ThreadPoolExecutor(3) as pool:
        told = [name for names in pool.map(send, range(3)) for name in names]
    assert sorted(told) == [f"{number:02}" for number in range(12)]


def test_facts_at_the_same_time_have_positions_of_their_own(ledger: Ledger) -> None:
    exports = [create(ledger).export_id, create(ledger, HISTORY).export_id]
    names = [(export_id, f"{export_id}-{number}") for number in range(8) for export_id in exports]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda it: ledger.notices.add(notice(*it)), names))
    positions = [it.position for export_id in exports for it in ledger.notices.of(export_id)]
    assert sorted(positions) == list(range(1, 17))


def test_a_receipt_and_its_notice_are_kept_together_or_not_at_all(ledger: Ledger) -> None:
    export_id = leased(ledger)
    with pytest.raises(BusyError):
        ledger.deliveries.record(receipt(export_id), "somebody else", notice(export_id, "no"))
    assert ledger.notices.lines() == ()
    ledger.deliveries.record(receipt(export_id), RUN, notice(export_id))
    assert ids(ledger) == ["one"]


def test_a_state_and_its_notice_are_kept_together_once(ledger: Ledger) -> None:
    export_id = create(ledger, HISTORY).export_id
    for name in ("one", "two"):
        ledger.exports.set_state(HISTORY.name, "done", NOW, notice(export_id, name))
    assert ids(ledger) == ["one"]


def test_totals_leave_out_what_is_stale(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.deliveries.record(receipt(export_id, ["a", "b"]), RUN)
    ledger.deliveries.record(receipt(export_id, ["a"]), RUN)
    ledger.deliveries.record(receipt(export_id, ["c"], event="App Launched"), RUN)
    assert vars(ledger.deliveries.totals(export_id)) == {
        "windows": 1,
        "events": 2,
        "rows": 20,
        "files": 2,
        "bytes": 200,
    }
