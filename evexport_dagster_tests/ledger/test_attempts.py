"""Attempts that wait for a retry, and the failures behind them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from evexport_dagster.errors import BugError, BusyError, Kind
from evexport_dagster.ledger import Attempt, Failure, Ledger, Outcome, Trouble

from .samples import HOURS, NOW, RUN, TTL, WINDOW, create, fail, leased, receipt

LATER = NOW + timedelta(minutes=5)


def test_a_first_attempt_uses_the_newest_columns(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.events.append_columns(export_id, {"Charged": ["Tax"]})
    begun = ledger.attempts.begin(export_id, WINDOW, ["Charged", "App Launched"], 1, RUN, NOW)
    assert begun == {
        "Charged": Attempt("Charged", 1, 2, NOW),
        "App Launched": Attempt("App Launched", 1, 0, NOW),
    }


def test_a_retry_uses_the_columns_of_its_first_attempt(ledger: Ledger) -> None:
    export_id = leased(ledger)
    first = ledger.attempts.begin(export_id, WINDOW, ["Charged"], 1, RUN, NOW)
    ledger.events.append_columns(export_id, {"Charged": ["Tax"]})
    again = ledger.attempts.begin(export_id, WINDOW, ["Charged", "App Launched"], 1, RUN, LATER)
    assert again["Charged"] == first["Charged"]
    assert again["App Launched"].started_at == LATER


def test_windows_have_their_own_attempts(ledger: Ledger) -> None:
    export_id = leased(ledger)
    assert ledger.leases.acquire(export_id, WINDOW + HOURS, RUN, NOW, TTL)
    ledger.attempts.begin(export_id, WINDOW, ["Charged"], 1, RUN, NOW)
    ledger.events.append_columns(export_id, {"Charged": ["Tax"]})
    begun = ledger.attempts.begin(export_id, WINDOW + HOURS, ["Charged"], 1, RUN, LATER)
    assert begun["Charged"].column_version == 2


def test_a_recorded_delivery_is_delivered_again_with_the_newest_columns(ledger: Ledger) -> None:
    export_id = leased(ledger)
    both = ["Charged", "App Launched"]
    ledger.attempts.begin(export_id, WINDOW, both, 1, RUN, NOW)
    ledger.events.append_columns(export_id, {name: ["Tax"] for name in both})
    ledger.deliveries.record(receipt(export_id), RUN)
    begun = ledger.attempts.begin(export_id, WINDOW, both, 1, RUN, LATER)
    assert begun["Charged"] == Attempt("Charged", 1, 2, LATER)
    assert begun["App Launched"] == Attempt("App Launched", 1, 0, NOW)


def test_an_edit_begins_the_attempt_anew(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.attempts.begin(export_id, WINDOW, ["Charged"], 1, RUN, NOW)
    ledger.events.append_columns(export_id, {"Charged": ["Tax"]})
    ledger.exports.add_revision("purchases", "{}", "f2", 1, LATER)
    begun = ledger.attempts.begin(export_id, WINDOW, ["Charged"], 2, RUN, LATER)
    assert begun == {"Charged": Attempt("Charged", 2, 2, LATER)}


def test_only_the_holder_begins(ledger: Ledger) -> None:
    export_id = leased(ledger)
    with pytest.raises(BusyError, match="run-2 has lost"):
        ledger.attempts.begin(export_id, WINDOW, ["Charged"], 1, "run-2", NOW)
    with pytest.raises(BugError, match="Nobody"):
        ledger.attempts.begin(export_id, WINDOW, ["Charged", "Nobody"], 1, RUN, NOW)


def test_failures_are_counted_by_kind_and_the_last_comes_first(ledger: Ledger) -> None:
    export_id = create(ledger).export_id

    def later(kind: Kind, message: str, minutes: int) -> Failure:
        at = NOW + timedelta(minutes=minutes)
        return fail(ledger, export_id, kind, message, run=f"run-{minutes}", at=at)

    later("access", "denied \0", 0)
    network = later("unavailable", "timed out", 60)
    access = later("access", "no such bucket \0\\", 61)
    assert access == Failure(
        export_id=export_id,
        window_start=WINDOW,
        kind="access",
        message="no such bucket \0\\",
        first_at=NOW,
        last_at=NOW + timedelta(minutes=61),
        count=2,
        run_id="run-61",
    )
    assert ledger.failures.of(export_id) == (access, network)


def test_success_forgets_the_failures_of_its_window_only(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    first = fail(ledger, export_id, "bug")
    other = fail(ledger, export_id, "bug", window=WINDOW + HOURS)
    seen: list[Failure] = []

    def succeed(before: Trouble | None, failures: Sequence[Failure]) -> Outcome:
        seen.extend(failures)
        return Outcome(before)

    ledger.troubles.succeeded(export_id, WINDOW, succeed)
    assert seen == [first, other]
    assert ledger.failures.of(export_id) == (other,)
    assert fail(ledger, export_id, "bug", at=LATER).first_at == LATER
