"""Events, their path segments, and their columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evexport_dagster.errors import BugError, RefusedError
from evexport_dagster.ledger import Ledger, NewExport

from .samples import NOW, PURCHASES, WINDOW, create, plain

# Whatever a source may name an event or a property, NUL and back slashes among it.
NAMES = st.lists(
    st.text(st.sampled_from("aA\\0\0é\u0301 '%:") | st.characters(codec="utf-8"), max_size=12),
    unique=True,
    max_size=8,
)
ON_ONE_LEDGER = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_the_first_sight_of_an_event_is_kept(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    (first,) = ledger.events.register(export_id, [("New", WINDOW)], plain, NOW)
    assert (first.segment, first.position) == ("New", 2)
    assert (first.first_window, first.first_seen_at) == (WINDOW, NOW)
    later = NOW + timedelta(days=1)
    known = ledger.events.register(
        export_id, [("New", later), ("Charged", later)], lambda *_: "Other", later
    )
    assert known == (first, ledger.events.of(export_id)[0])
    assert ledger.events.of(export_id)[2] == first


def test_a_segment_is_chosen_among_those_taken(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    seen = [("charged", None), ("CHARGED", None), ("charged", None)]
    registered = ledger.events.register(export_id, seen, plain, NOW)
    assert [event.segment for event in registered] == ["charged-2", "CHARGED-3", "charged-2"]


def test_two_events_never_share_a_segment(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    before = ledger.events.of(export_id)
    with pytest.raises(BugError, match="cHARGED"):
        ledger.events.register(export_id, [("a", None), ("b", None)], lambda *_: "cHARGED", NOW)
    assert ledger.events.of(export_id) == before


def test_events_of_an_unknown_export_are_refused(ledger: Ledger) -> None:
    with pytest.raises(RefusedError, match="17"):
        ledger.events.register(17, [("a", None)], plain, NOW)


def test_new_columns_come_last_as_the_next_version(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    added = ledger.events.append_columns(
        export_id, {"Charged": ["Tax", "Amount", "Discount", "Tax"], "App Launched": ["Source"]}
    )
    assert added["Charged"].names == ("Amount", "Currency", "Tax", "Discount")
    assert (added["Charged"].version, added["Charged"].at_creation) == (2, 2)
    assert added["App Launched"].names == ("Source",)
    assert (added["App Launched"].version, added["App Launched"].at_creation) == (1, 0)
    assert ledger.events.columns(export_id) == added


def test_known_columns_make_no_version(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    again = ledger.events.append_columns(export_id, {"Charged": ["Currency"], "App Launched": []})
    assert (again["Charged"].version, again["App Launched"].version) == (1, 0)
    assert again == ledger.events.columns(export_id)


def test_an_earlier_version_stays_readable(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    ledger.events.append_columns(export_id, {"Charged": ["Tax"]})
    ledger.events.append_columns(export_id, {"Charged": ["Tip"]})

    def names(version: int) -> tuple[str, ...]:
        found = ledger.events.columns(export_id, {"Charged": version})
        assert found.keys() == {"Charged"}
        assert found["Charged"].version == version
        return found["Charged"].names

    assert [names(version) for version in range(4)] == [
        (),
        ("Amount", "Currency"),
        ("Amount", "Currency", "Tax"),
        ("Amount", "Currency", "Tax", "Tip"),
    ]


def test_columns_differ_by_case(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    added = ledger.events.append_columns(export_id, {"Charged": ["amount", "AMOUNT"]})
    assert added["Charged"].names == ("Amount", "Currency", "amount", "AMOUNT")


def test_columns_of_an_unregistered_event_are_a_bug(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    with pytest.raises(BugError, match="Nobody"):
        ledger.events.append_columns(export_id, {"Charged": ["Tax"], "Nobody": ["x"]})
    assert ledger.events.columns(export_id)["Charged"].version == 1
    with pytest.raises(BugError, match="Nobody"):
        ledger.events.columns(export_id, {"Nobody": 1})


def test_exports_do_not_share_columns(ledger: Ledger) -> None:
    first = create(ledger).export_id
    second = create(ledger, replace(PURCHASES, name="second")).export_id
    ledger.events.append_columns(first, {"Charged": ["Tax"]})
    assert ledger.events.columns(second)["Charged"].names == ("Amount", "Currency")


@ON_ONE_LEDGER
@given(names=NAMES)
def test_names_are_kept_to_the_letter(ledger: Ledger, names: list[str]) -> None:
    export_id = create(ledger, _fresh(ledger)).export_id
    seen = [(name, None) for name in names]
    ledger.events.register(export_id, seen, lambda _, taken: f"e{len(taken)}", NOW)
    assert [event.name for event in ledger.events.of(export_id)] == names
    added = ledger.events.append_columns(export_id, dict.fromkeys(names, names))
    assert ledger.events.columns(export_id) == added
    assert all(added[name].names == tuple(names) for name in names)


def test_a_very_long_name_is_a_name(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    long = "".join(chr(0x4E00 + number) for number in range(20_000))
    ledger.events.register(export_id, [(long, None)], lambda *_: "long", NOW)
    ledger.events.append_columns(export_id, {long: [long, long + "!"]})
    assert ledger.events.columns(export_id)[long].names == (long, long + "!")


def _fresh(ledger: Ledger) -> NewExport:
    name = f"export_{len(ledger.exports.registered())}"
    return NewExport(name, "events", "recurring", "{}", "f1")
