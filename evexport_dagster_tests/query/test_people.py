"""Who a record is about, and that rows of profiles never multiply events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from .lakes import NOON, Made, Row, event, make, open_rows, read_csv, spec

ANN = {
    "profile_id": "p1",
    "identities": ["ann", "", "ann2", "ann"],
    "email": "ann@x.y",
    "phone": "+14155550100",
    "name": 'Ann "A"',
    "gender": "",
    "properties": '{"crm":"c1","tier":3,"": "none","price":0.12345678901234567890,"x":null}',
    "comm_prefs": '{"MSG-push":true,"MSG-email":null,"subscriptionGroups":["a","b"],"z":1}',
}
CUSTOM = {"custom": "crm"}


def make_of(profiles: Sequence[Row], events: Sequence[Row] | None = None, **values: Any) -> Made:
    events = [event(profile_id="p1")] if events is None else events
    return make(open_rows(events, profiles), spec(**values))


def identities_of(profiles: Sequence[Row], **identity: Any) -> list[dict[str, Any]]:
    """The group `identity` of an event of each profile, in their order."""
    people = [{**profile, "profile_id": str(n)} for n, profile in enumerate(profiles)]
    events = [event(profile_id=str(n), event_id=f"{n:3}") for n in range(len(people))]
    identity = {"clevertap_id": False, **identity}
    records = make_of(people, events, identity=identity, sort=True).objects()
    return [record["identity"] for record in records]


def test_the_first_identifier_that_is_there_or_all_of_them() -> None:
    expected: list[tuple[Row, list[str]]] = [
        (ANN, ["c1", "ann", "ann@x.y", "+14155550100"]),
        ({**ANN, "properties": '{"crm":""}'}, ["ann", "ann@x.y", "+14155550100"]),
        ({"identities": ["", ""], "email": "", "phone": "1"}, ["1"]),
        ({"identities": ["a@b"], "email": "a@b", "phone": "a@b"}, ["a@b"]),
        ({"identities": [None, "a"]}, ["a"]),
        ({"identities": []}, []),
        ({"email": ""}, []),
        ({}, []),
    ]
    profiles = [profile for profile, _ in expected]
    chosen = [CUSTOM, "Identity", "Email", "Phone"]
    assert identities_of(profiles, identifiers=chosen) == [
        {"identity": present[0]} if present else {} for _, present in expected
    ]
    assert identities_of(profiles, identifiers=chosen, preference="all") == [
        {"identity": present} if present else {} for _, present in expected
    ]


def test_all_identities_are_each_there_once_and_in_order() -> None:
    expected: list[tuple[Row, list[str] | None]] = [
        (ANN, ["ann", "ann2", "ann@x.y", "+14155550100"]),
        ({"identities": ["b", "a", "b"], "phone": "a", "email": ""}, ["b", "a"]),
        ({"identities": None, "phone": "1"}, ["1"]),
        ({"identities": [None, ""]}, None),
    ]
    found = identities_of([profile for profile, _ in expected], all_identities=True)
    assert [it.get("all_identities") for it in found] == [present for _, present in expected]


CUSTOM_VALUES = [
    ('"x"', "x", "x"),
    ('"say \\"hi\\", ok"', 'say "hi", ok', 'say "hi", ok'),
    ("7", 7, "7"),
    ("18446744073709551616", 18446744073709551616, "18446744073709551616"),
    ("false", False, "false"),
    ('["a",1]', ["a", 1], '["a",1]'),
    ('{"a":{"b":1}}', {"a": {"b": 1}}, '{"a":{"b":1}}'),
    ("[]", [], "[]"),
    ('""', "fallback", "fallback"),
    ("null", "fallback", "fallback"),
    ("NaN", "fallback", "fallback"),
]
"""A value as the source spells it, as the JSON that is exported, and as the cell of a CSV file."""


def test_a_custom_identifier_may_be_any_json() -> None:
    profiles = [
        {"properties": f'{{"crm":{spelled}}}', "identities": ["fallback"]}
        for spelled, _, _ in CUSTOM_VALUES
    ]
    chosen = [CUSTOM, "Identity"]
    assert identities_of(profiles, identifiers=chosen) == [
        {"identity": value} for _, value, _ in CUSTOM_VALUES
    ]
    assert identities_of(profiles, identifiers=chosen, preference="all") == [
        {"identity": [value] if value == "fallback" else [value, "fallback"]}
        for _, value, _ in CUSTOM_VALUES
    ]
    people = [{**profile, "profile_id": str(n)} for n, profile in enumerate(profiles)]
    events = [event(profile_id=str(n), event_id=f"{n:3}") for n in range(len(people))]
    made = make_of(people, events, identity={"identifiers": chosen}, format="csv", sort=True)
    assert [row[2] for row in read_csv("".join(made.lines[0]))] == [
        cell for _, _, cell in CUSTOM_VALUES
    ]


def test_user_properties_are_columns_or_custom_keys() -> None:
    fields = ["Email", {"name": "Gender", "as": "sex"}, "DOB", "tier", {"name": "price", "as": "p"}]
    made = make_of([ANN], user_properties=fields)
    assert (
        '"profile":{"Email":"ann@x.y","sex":"","tier":3,"p":0.12345678901234567890}'
        in (made.lines[0][0])
    )
    made = make_of([ANN], user_properties=fields, format="csv")
    assert made.labels()[3:] == ("clevertapId", "Email", "sex", "DOB", "tier", "p")
    assert read_csv(made.lines[0][0]) == [
        [
            *("Charged", "1781438400", "ann", "p1"),
            *("ann@x.y", "", None, "3", "0.12345678901234567890"),
        ]
    ]


def test_an_event_without_a_profile_has_its_id_and_nothing_else() -> None:
    events = [event(profile_id=it) for it in ("nobody", None, "p1")]
    made = make_of(
        [ANN, {"profile_id": None, "email": "never"}],
        events,
        user_properties=["Email"],
        comm_prefs=["MSG-push"],
        device=["make"],
    )
    records = [{**it, "eventTime": None} for it in made.objects()]
    empty: Row = {"eventName": "Charged", "eventTime": None, "profile": {}, "deviceInfo": {}}
    rest: Row = {"commPrefs": {}, "eventProps": {}}
    assert {**empty, "identity": {"clevertapId": "nobody"}, **rest} in records
    assert {**empty, "identity": {}, **rest} in records
    assert len(records) == 3
    assert made.oddities[0] == {"events_without_profile": 2}


def test_the_newest_row_of_a_profile_counts_and_events_never_multiply() -> None:
    at = [NOON, NOON + timedelta(seconds=1), None, NOON - timedelta(days=1)]
    profiles = [{"profile_id": "p1", "updated_at": t, "email": f"{n}"} for n, t in enumerate(at)]
    events = [event(profile_id="p1") for _ in range(5)] + [event(profile_id="p2")]
    identity = {"identifiers": ["Email"]}
    made = make_of([*profiles, {"profile_id": "p2"}], events, identity=identity)
    found = [it["identity"] for it in made.objects()]
    assert found.count({"identity": "1", "clevertapId": "p1"}) == 5
    assert found.count({"clevertapId": "p2"}) == 1
    assert made.oddities[0] == {"duplicate_profile_rows": 3}


def test_phones_that_are_not_e164_are_counted_and_kept() -> None:
    phones = ["+14155550100", "4155550100", "+0123", "+1 415", "", None, "+1234567890123456"]
    profiles = [{"profile_id": str(n), "phone": phone} for n, phone in enumerate(phones)]
    events = [event(profile_id=str(n)) for n in range(len(phones))] + [event(profile_id="1")]
    made = make_of(profiles, events, user_properties=["Phone"])
    assert made.oddities[0] == {"phones_not_e164": 5}
    assert {it["profile"].get("Phone") for it in made.objects()} == set(phones)
    assert make_of(profiles, events).oddities[0] == {}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({}, ["a", "b"]),
        ({"subscription_groups": '["c"]'}, ["c"]),
        ({"subscription_groups": '{"d":true}'}, {"d": True}),
        ({"subscription_groups": None}, None),
        ({"subscription_groups": "broken"}, None),
    ],
)
def test_subscription_groups_have_a_column_or_a_key(groups: Row, expected: Any) -> None:
    prefs = ["MSG-email", "MSG-push", "subscriptionGroups"]
    (record,) = make_of([{**ANN, **groups}], comm_prefs=prefs).objects()
    assert list(record["commPrefs"].items()) == [
        *([] if expected is None else [("subscriptionGroups", expected)]),
        ("MSG-push", True),
    ]


def test_devices_are_rendered_in_the_order_of_the_spec() -> None:
    devices = ['{"make":"A","model":"m,1","model":"x"}', None, "broken", '{"Model":"y"}']
    events = [event(device=it, profile_id="p1") for it in devices * 2]
    made = make_of([ANN], events, device=["model", "dpi", "make"], format="csv")
    cells = [row[4:] for line in made.lines[0] for row in read_csv(line)]
    assert cells.count(["m,1", None, "A"]) == 2
    assert cells.count([None, None, None]) == 6
    assert made.oddities[0] == {"profile_or_device_malformed_objects": 2}


def test_what_is_odd_about_people_is_counted_once_an_event() -> None:
    profiles = [{"profile_id": "p1", "properties": '{"a":NaN}', "comm_prefs": "[1]"}]
    events = [event(profile_id="p1"), event(profile_id="p1")]
    made = make_of(profiles, events, comm_prefs=["MSG-push"], user_properties=["a"])
    assert made.oddities[0]["profile_or_device_not_finite_numbers"] == 2
