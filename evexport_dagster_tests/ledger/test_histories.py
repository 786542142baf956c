"""The past of an export, in pages of windows."""

from __future__ import annotations

from evexport_dagster.ledger import Ledger

from .samples import HOURS, NOW, RUN, TTL, WINDOW, fail, leased, receipt


def test_windows_are_known_by_receipts_attempts_and_failures(ledger: Ledger) -> None:
    export_id = leased(ledger)
    assert ledger.histories.count(export_id) == 0
    assert ledger.histories.windows(export_id, 10) == ()
    assert ledger.histories.last_window(export_id) is None
    starts = [WINDOW + number * HOURS for number in range(4)]
    for start in starts[1:3]:
        assert ledger.leases.acquire(export_id, start, RUN, NOW, TTL)
    made = [receipt(export_id, ["a"]), receipt(export_id, ["b"], event="App Launched")]
    made.append(receipt(export_id, ["c"], window=starts[1]))
    for one in made:
        ledger.deliveries.record(one, RUN)
    ledger.attempts.begin(export_id, starts[2], ["Charged"], 1, RUN, NOW)
    ledger.attempts.begin(export_id, starts[1], ["App Launched"], 1, RUN, NOW)
    fail(ledger, export_id, "access", window=starts[3])

    assert ledger.histories.count(export_id) == 4
    assert ledger.histories.windows(export_id, 3) == tuple(reversed(starts[1:]))
    assert ledger.histories.windows(export_id, 3, 3) == (starts[0],)
    assert ledger.histories.last_window(export_id) == (starts[1], starts[1] + HOURS)
    assert ledger.histories.receipts(export_id, starts) == (made[2], *made[:2])
    assert ledger.histories.receipts(export_id, starts[:1]) == tuple(made[:2])
    begun = ledger.histories.attempts(export_id, starts)
    assert {start: [it.event for it in its] for start, its in begun.items()} == {
        starts[1]: ["App Launched"],
        starts[2]: ["Charged"],
    }


def test_when_something_was_delivered(ledger: Ledger) -> None:
    export_id = leased(ledger)
    was_recorded = ledger.histories.was_recorded
    assert not was_recorded(export_id)
    ledger.deliveries.record(receipt(export_id, recorded_at=NOW), RUN)
    assert was_recorded(export_id)
    assert was_recorded(export_id, NOW)
    assert was_recorded(export_id, NOW, NOW + HOURS)
    assert not was_recorded(export_id, NOW - HOURS, NOW)
    assert not was_recorded(export_id, NOW + HOURS)
    assert not was_recorded(export_id + 1)
