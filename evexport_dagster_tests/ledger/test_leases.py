"""Leases on windows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evexport_dagster.errors import RefusedError
from evexport_dagster.ledger import Lease, Ledger

from .samples import HISTORY, HOURS, NOW, TTL, WINDOW, create

TICK = timedelta(microseconds=1)


def test_a_window_has_one_holder(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    assert ledger.leases.acquire(export_id, WINDOW, "a", NOW, TTL)
    assert not ledger.leases.acquire(export_id, WINDOW, "b", NOW, TTL)
    assert ledger.leases.holders(export_id) == (Lease(export_id, WINDOW, "a", NOW, NOW),)


def test_windows_and_exports_are_held_apart(ledger: Ledger) -> None:
    first, second = create(ledger).export_id, create(ledger, HISTORY).export_id
    assert ledger.leases.acquire(first, WINDOW + HOURS, "a", NOW, TTL)
    assert ledger.leases.acquire(first, WINDOW, "b", NOW, TTL)
    assert ledger.leases.acquire(second, WINDOW, "c", NOW, TTL)
    assert [lease.holder for lease in ledger.leases.holders(first)] == ["b", "a"]


def test_the_holder_may_acquire_again(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    ledger.leases.acquire(export_id, WINDOW, "a", NOW, TTL)
    assert ledger.leases.acquire(export_id, WINDOW, "a", NOW + TICK, TTL)
    assert ledger.leases.holders(export_id) == (Lease(export_id, WINDOW, "a", NOW, NOW + TICK),)


def test_a_silent_holder_loses_its_window_after_the_time_to_live(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    ledger.leases.acquire(export_id, WINDOW, "a", NOW, TTL)
    assert ledger.leases.heartbeat(export_id, WINDOW, "a", NOW + TICK)
    assert not ledger.leases.acquire(export_id, WINDOW, "b", NOW + TICK + TTL, TTL)
    late = NOW + TICK + TTL + TICK
    assert ledger.leases.acquire(export_id, WINDOW, "b", late, TTL)
    assert not ledger.leases.heartbeat(export_id, WINDOW, "a", late)
    assert ledger.leases.holders(export_id) == (Lease(export_id, WINDOW, "b", late, late),)


def test_only_the_holder_releases(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    ledger.leases.acquire(export_id, WINDOW, "a", NOW, TTL)
    ledger.leases.release(export_id, WINDOW, "b")
    assert ledger.leases.heartbeat(export_id, WINDOW, "a", NOW)
    ledger.leases.release(export_id, WINDOW, "a")
    assert not ledger.leases.heartbeat(export_id, WINDOW, "a", NOW)
    assert ledger.leases.acquire(export_id, WINDOW, "b", NOW, TTL)


def test_a_stop_reaches_the_holder_and_keeps_others_out(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    ledger.leases.acquire(export_id, WINDOW, "a", NOW, TTL)
    ledger.exports.set_state("purchases", "stopped", NOW)
    assert not ledger.leases.heartbeat(export_id, WINDOW, "a", NOW)
    for holder in ("a", "b"):
        with pytest.raises(RefusedError, match="stopped"):
            ledger.leases.acquire(export_id, WINDOW, holder, NOW + 2 * TTL, TTL)


def test_an_export_that_is_done_may_deliver_again(ledger: Ledger) -> None:
    export_id = create(ledger, HISTORY).export_id
    ledger.exports.set_state(HISTORY.name, "done", NOW)
    assert ledger.leases.acquire(export_id, WINDOW, "a", NOW, TTL)
    assert ledger.leases.heartbeat(export_id, WINDOW, "a", NOW)
