"""Receipts and the objects that they name."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from evexport_dagster.errors import BugError, BusyError, RefusedError
from evexport_dagster.ledger import Ledger, Receipt, StaleFile

from .samples import (
    BUCKET,
    HISTORY,
    HOURS,
    NOW,
    PURCHASES,
    RUN,
    TTL,
    WINDOW,
    delivered,
    leased,
    receipt,
)


def test_a_receipt_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    export_id = leased(ledger)
    full = replace(
        receipt(export_id, ["b.csv.gz", "a.csv.gz"], oddities={"no_profile": 3, "left": ["é\0"]}),
        first_event_time=WINDOW,
        last_event_time=WINDOW + HOURS,
        watermark=NOW - timedelta(microseconds=1),
        rows=2**40,
    )
    assert ledger.deliveries.record(full, RUN) == ()
    assert ledger.deliveries.receipts(export_id) == (full,)


def test_a_delivery_of_no_rows_is_recorded_without_a_file(ledger: Ledger) -> None:
    export_id = leased(ledger)
    empty = receipt(export_id, [])
    ledger.deliveries.record(empty, RUN)
    assert ledger.deliveries.receipts(export_id, WINDOW, ["Charged"]) == (empty,)
    assert ledger.deliveries.recorded(export_id, [WINDOW]) == {(WINDOW, "Charged")}


def test_receipts_are_found_by_window_and_event(ledger: Ledger) -> None:
    export_id = leased(ledger)
    _lease(ledger, export_id, WINDOW + HOURS)
    every = [
        receipt(export_id, [f"{event}-{hours}.csv.gz"], event=event, window=WINDOW + hours)
        for hours in (timedelta(), HOURS)
        for event in ("Charged", "App Launched")
    ]
    for one in reversed(every):
        ledger.deliveries.record(one, RUN)
    found = ledger.deliveries.receipts
    assert found(export_id) == tuple(every)
    assert found(export_id, WINDOW + HOURS) == tuple(every[2:])
    assert found(export_id, events=["Charged", "Nobody"]) == (every[0], every[2])
    assert found(export_id, WINDOW, ["App Launched"]) == (every[1],)
    assert found(export_id, events=[]) == ()
    assert found(export_id + 1) == ()


def test_a_new_receipt_replaces_the_former_one_and_names_stale_keys(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.deliveries.record(receipt(export_id, ["a", "b", "c"]), RUN)
    second = receipt(export_id, ["d", "b"], recorded_at=NOW + HOURS)
    stale = ledger.deliveries.record(second, RUN)
    assert stale == (delivered("a", index=0), delivered("c", index=2))
    assert ledger.deliveries.receipts(export_id) == (replace(second, stale=stale),)


def test_stale_files_are_remembered_until_they_are_removed(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.deliveries.record(receipt(export_id, ["a", "b"]), RUN)
    a, b = delivered("a", index=0), delivered("b", index=1)
    assert ledger.deliveries.record(receipt(export_id, []), RUN) == (a, b)
    assert ledger.deliveries.record(receipt(export_id, ["c"]), RUN) == (a, b)
    ledger.deliveries.removed(export_id, BUCKET, ["a", "c"])
    assert ledger.deliveries.stale(export_id) == (StaleFile(WINDOW, "Charged", b),)
    assert ledger.deliveries.receipts(export_id) == (
        replace(receipt(export_id, ["c"]), stale=(b,)),
    )
    assert ledger.deliveries.record(receipt(export_id, ["b"]), RUN) == (delivered("c"),)


def test_a_former_destination_is_named_with_its_stale_keys(ledger: Ledger) -> None:
    export_id = leased(ledger)
    elsewhere = delivered("a", destination="gs://former")
    ledger.deliveries.record(replace(receipt(export_id), files=(elsewhere,)), RUN)
    assert ledger.deliveries.record(receipt(export_id, ["a"]), RUN) == (elsewhere,)


def test_a_key_of_another_export_is_never_recorded(ledger: Ledger) -> None:
    mine, other = leased(ledger), leased(ledger, HISTORY)
    ledger.deliveries.record(receipt(mine, ["a", "b"]), RUN)
    with pytest.raises(RefusedError, match=f"key b .* export {mine}"):
        ledger.deliveries.record(receipt(other, ["c", "b"]), RUN)
    assert ledger.deliveries.receipts(other) == ()
    assert ledger.deliveries.keys_of_others(other, BUCKET, ["c", "b", "a"]) == ("a", "b")
    assert ledger.deliveries.keys_of_others(mine, BUCKET, ["c", "b", "a"]) == ()
    assert ledger.deliveries.keys_of_others(other, "gs://other", ["a"]) == ()


def test_a_stale_key_still_belongs_to_its_export(ledger: Ledger) -> None:
    mine, other = leased(ledger), leased(ledger, HISTORY)
    ledger.deliveries.record(receipt(mine, ["a"]), RUN)
    ledger.deliveries.record(receipt(mine, []), RUN)
    with pytest.raises(RefusedError, match="key a"):
        ledger.deliveries.record(receipt(other, ["a"]), RUN)
    ledger.deliveries.removed(other, BUCKET, ["a"])
    assert ledger.deliveries.keys_of_others(other, BUCKET, ["a"]) == ("a",)
    ledger.deliveries.removed(mine, BUCKET, ["a"])
    assert ledger.deliveries.record(receipt(other, ["a"]), RUN) == ()


def test_two_windows_of_one_export_never_share_a_key(ledger: Ledger) -> None:
    export_id = leased(ledger)
    _lease(ledger, export_id, WINDOW + HOURS)
    ledger.deliveries.record(receipt(export_id, ["a"]), RUN)
    with pytest.raises(RefusedError, match="another window"):
        ledger.deliveries.record(receipt(export_id, ["a"], window=WINDOW + HOURS), RUN)


def test_more_keys_than_one_query_takes_are_looked_up(ledger: Ledger) -> None:
    mine, other = leased(ledger), leased(ledger, HISTORY)
    ledger.deliveries.record(receipt(mine, ["k0", "k39999"]), RUN)
    keys = [f"k{number}" for number in range(40_000)]
    assert ledger.deliveries.keys_of_others(other, BUCKET, keys) == ("k0", "k39999")


def test_a_run_that_lost_its_lease_cannot_record(ledger: Ledger) -> None:
    export_id = leased(ledger)
    assert ledger.leases.acquire(export_id, WINDOW, "run-2", NOW + 2 * TTL, TTL)
    with pytest.raises(BusyError, match="run-2 holds now"):
        ledger.deliveries.record(receipt(export_id), RUN)
    ledger.leases.release(export_id, WINDOW, "run-2")
    with pytest.raises(BusyError, match="nobody holds now"):
        ledger.deliveries.record(receipt(export_id), RUN)
    assert ledger.deliveries.receipts(export_id) == ()


def test_what_was_published_when_the_export_was_stopped_is_recorded(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.exports.set_state("purchases", "stopped", NOW)
    ledger.deliveries.record(receipt(export_id), RUN)
    assert ledger.deliveries.receipts(export_id) == (receipt(export_id),)


@pytest.mark.parametrize("wrong", [{"event": "Nobody"}, {"revision": 9}])
def test_a_receipt_of_what_is_not_registered_is_a_bug(
    ledger: Ledger, wrong: dict[str, str]
) -> None:
    export_id = leased(ledger)
    with pytest.raises(BugError):
        ledger.deliveries.record(replace(receipt(export_id), **wrong), RUN)  # type: ignore[arg-type]


def test_only_the_windows_asked_for_are_looked_up(ledger: Ledger) -> None:
    export_id = leased(ledger)
    starts = [WINDOW + number * HOURS for number in range(4)]
    for start in starts:
        _lease(ledger, export_id, start)
        ledger.deliveries.record(receipt(export_id, [f"{start}"], window=start), RUN)
    asked = [starts[3], starts[0], WINDOW + 9 * HOURS]
    recorded = ledger.deliveries.recorded(export_id, asked)
    assert recorded == {(starts[0], "Charged"), (starts[3], "Charged")}
    assert ledger.deliveries.recorded(export_id, []) == set()


def test_a_receipt_is_to_be_displayed_until_it_is_marked(ledger: Ledger) -> None:
    export_id = leased(ledger)
    first, other = receipt(export_id), receipt(export_id, ["b"], event="App Launched")
    ledger.deliveries.record(first, RUN)
    ledger.deliveries.record(other, RUN)
    assert ledger.deliveries.to_display(export_id) == (first, other)
    ledger.deliveries.mark_displayed([first])
    assert ledger.deliveries.to_display(export_id) == (other,)


def test_a_receipt_that_replaced_a_displayed_one_is_to_be_displayed(ledger: Ledger) -> None:
    export_id = leased(ledger)
    first, second = receipt(export_id), receipt(export_id, recorded_at=NOW + HOURS)
    ledger.deliveries.record(first, RUN)
    ledger.deliveries.record(second, RUN)
    ledger.deliveries.mark_displayed([first])
    assert ledger.deliveries.to_display(export_id) == (second,)


def test_a_window_of_many_events_is_recorded_in_time(ledger: Ledger) -> None:
    events = [(f"Event {number}", f"Event-{number}") for number in range(200)]
    export_id = leased(ledger, replace(PURCHASES, events=events, columns={}))
    receipts: list[Receipt] = [receipt(export_id, [name], event=name) for name, _ in events]
    started = time.process_time()
    for one in receipts:
        ledger.deliveries.record(one, RUN)
    # 10 ms of CPU each: a multiple of what it takes on a slow machine.
    assert time.process_time() - started < 2
    assert ledger.deliveries.receipts(export_id, WINDOW) == tuple(receipts)


def _lease(ledger: Ledger, export_id: int, window: datetime) -> None:
    assert ledger.leases.acquire(export_id, window, RUN, NOW, TTL)
