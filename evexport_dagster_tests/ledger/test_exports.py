"""Exports and revisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from evexport_dagster.errors import RefusedError, RevisionError
from evexport_dagster.ledger import Ledger, NewExport, RegisteredExport, Revision

from .samples import HISTORY, NOW, PURCHASES, create

LATER = NOW + timedelta(days=1)


def test_a_created_export_is_what_was_asked_for(ledger: Ledger) -> None:
    assert create(ledger) == RegisteredExport(
        name="purchases",
        export_id=int(NOW.timestamp()),
        type="events",
        kind="recurring",
        state="active",
        state_at=NOW,
        created_at=NOW,
        revision=Revision(1, PURCHASES.meaning, "f1", NOW),
    )
    assert ledger.exports.get("purchases") == create(ledger)


def test_creation_takes_the_events_and_columns_with_it(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    events = ledger.events.of(export_id)
    assert [(event.name, event.segment, event.position) for event in events] == [
        ("Charged", "Charged", 0),
        ("App Launched", "App-Launched", 1),
    ]
    columns = ledger.events.columns(export_id)
    assert columns["Charged"].names == ("Amount", "Currency")
    assert (columns["Charged"].version, columns["Charged"].at_creation) == (1, 2)
    assert (columns["App Launched"].names, columns["App Launched"].version) == ((), 0)


def test_a_tie_takes_the_next_free_second(ledger: Ledger) -> None:
    twins = ledger.exports.create([PURCHASES, HISTORY], NOW)
    second = int(NOW.timestamp())
    assert [one.export_id for one in twins] == [second, second + 1]
    third = create(ledger, replace(PURCHASES, name="third"), NOW - timedelta(seconds=1))
    fourth = create(ledger, replace(PURCHASES, name="fourth"), NOW - timedelta(seconds=1))
    assert [third.export_id, fourth.export_id] == [second - 1, second + 2]


def test_instants_come_back_exact_and_in_utc(ledger: Ledger) -> None:
    honolulu = timezone(timedelta(hours=-10))
    created = datetime(1969, 12, 31, 13, 59, 59, 999_999, tzinfo=honolulu)
    registered = create(ledger, now=created)
    assert registered.created_at == created
    assert registered.created_at.tzinfo is UTC
    assert registered.export_id == -1


def test_several_are_created_all_or_not_at_all(ledger: Ledger) -> None:
    clash: list[tuple[str, str]] = [("one", "Same"), ("two", "sAME")]
    with pytest.raises(Exception, match="refused a write"):
        ledger.exports.create([PURCHASES, replace(HISTORY, events=clash)], NOW)
    assert ledger.exports.registered() == ()


def test_creating_again_gives_what_is_registered_and_adds_nothing(ledger: Ledger) -> None:
    first = create(ledger)
    again = ledger.exports.create([replace(PURCHASES, fingerprint="f2"), HISTORY], LATER)
    assert again == (first,)
    assert ledger.exports.registered() == (first,)


def test_exports_are_listed_in_order_of_creation(ledger: Ledger) -> None:
    create(ledger, now=LATER)
    create(ledger, HISTORY, NOW)
    assert [one.name for one in ledger.exports.registered()] == ["purchases_history", "purchases"]


def test_nothing_is_registered_under_an_unknown_name(ledger: Ledger) -> None:
    assert ledger.exports.get("nobody") is None
    with pytest.raises(RefusedError, match="nobody"):
        ledger.exports.set_state("nobody", "stopped", NOW)
    with pytest.raises(RefusedError, match="nobody"):
        ledger.exports.add_revision("nobody", "{}", "f", 1, NOW)


def test_the_next_revision_is_the_one_in_force(ledger: Ledger) -> None:
    first = create(ledger)
    second = ledger.exports.add_revision("purchases", '{"a": 1}', "f2", 1, LATER)
    assert second == Revision(2, '{"a": 1}', "f2", LATER)
    assert ledger.exports.get("purchases") == replace(first, revision=second)
    assert ledger.exports.revisions(first.export_id) == (first.revision, second)


def test_an_edit_of_an_older_revision_is_refused(ledger: Ledger) -> None:
    create(ledger)
    ledger.exports.add_revision("purchases", "{}", "f2", 1, LATER)
    with pytest.raises(RevisionError, match="revision 2"):
        ledger.exports.add_revision("purchases", "{}", "f3", 1, LATER)


def test_the_same_edit_twice_is_one_revision(ledger: Ledger) -> None:
    create(ledger)
    second = ledger.exports.add_revision("purchases", "{}", "f2", 1, LATER)
    assert ledger.exports.add_revision("purchases", "{}", "f2", 1, LATER) == second


@pytest.mark.parametrize(("new", "state"), [(PURCHASES, "stopped"), (HISTORY, "done")])
def test_an_ended_export_stays_as_it_is(ledger: Ledger, new: NewExport, state: str) -> None:
    create(ledger, new)
    ended = ledger.exports.set_state(new.name, state, LATER)  # type: ignore[arg-type]
    assert (ended.state, ended.state_at) == (state, LATER)
    assert ledger.exports.set_state(new.name, ended.state, LATER + timedelta(1)) == ended
    for other in {"active", "done"} - {state}:
        with pytest.raises(RefusedError, match="for ever"):
            ledger.exports.set_state(new.name, other, LATER)  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="cannot be edited"):
        ledger.exports.add_revision(new.name, "{}", "f2", 1, LATER)


def test_a_recurring_export_is_never_done(ledger: Ledger) -> None:
    create(ledger)
    with pytest.raises(RefusedError, match="recurring"):
        ledger.exports.set_state("purchases", "done", LATER)


def test_the_name_of_a_stopped_export_is_used_up(ledger: Ledger) -> None:
    create(ledger)
    ledger.exports.set_state("purchases", "stopped", LATER)
    with pytest.raises(RefusedError, match="choose another name"):
        ledger.exports.create([PURCHASES, HISTORY], LATER)
    assert ledger.exports.get("purchases_history") is None
