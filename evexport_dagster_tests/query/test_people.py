"""Who a record is about, and that rows of profiles never multiply events."""

from __future__ import annotations

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


def make_of(profiles: list[Row], events: list[Row] | None = None, **values: Any) -> Made:
    events = [event(profile_id="p1")] if events is None else events
    return make(open_rows(events, profiles), spec(**values))


def identity_of(profile: Row, **identity: Any) -> dict[str, Any]:
    identity = {"clevertap_id": False, **identity}
    (record,) = make_of([{"profile_id": "p1", **profile}], identity=identity).objects()
    found: dict[str, Any] = record["identity"]
    return found


@pytest.mark.parametrize(
    ("profile", "first", "all_"),
    [
        (ANN, "c1", ["c1", "ann", "ann@x.y", "+14155550100"]),
        ({**ANN, "properties": '{"crm":""}'}, "ann", ["ann", "ann@x.y", "+14155550100"]),
        ({"identities": ["", ""], "email": "", "phone": "1"}, "1", ["1"]),
        ({"identities": ["a@b"], "email": "a@b", "phone": "a@b"}, "a@b", ["a@b"]),
        ({"identities": [None, "a"]}, "a", ["a"]),
        ({"identities": []}, None, None),
        ({"email": ""}, None, None),
        ({}, None, None),
    ],
)
def test_the_first_identifier_that_is_there_or_all_of_them(
    profile: Row, first: str | None, all_: list[str] | None
) -> None:
    chosen = [CUSTOM, "Identity", "Email", "Phone"]
    found = identity_of(profile, identifiers=chosen)
    assert found == ({} if first is None else {"identity": first})
    found = identity_of(profile, identifiers=chosen, preference="all")
    assert found == ({} if all_ is None else {"identity": all_})


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (ANN, ["ann", "ann2", "ann@x.y", "+14155550100"]),
        ({"identities": ["b", "a", "b"], "phone": "a", "email": ""}, ["b", "a"]),
        ({"identities": None, "phone": "1"}, ["1"]),
        ({"identities": [None, ""]}, None),
    ],
)
def test_all_identities_are_each_there_once_and_in_order(
    profile: Row, expected: list[str] | None
) -> None:
    found = identity_of(profile, all_identities=True).get("all_identities")
    assert found == expected


@pytest.mark.parametrize(
    ("json_value", "as_json", "as_text"),
    [
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
    ],
)
def test_a_custom_identifier_may_be_any_json(json_value: str, as_json: Any, as_text: str) -> None:
    profile = {
        "profile_id": "p1",
        "properties": f'{{"crm":{json_value}}}',
        "identities": ["fallback"],
    }
    identity = {"identifiers": [CUSTOM, "Identity"], "clevertap_id": False}
    (record,) = make_of([profile], identity=identity).objects()
    assert record["identity"] == {"identity": as_json}
    made = make_of([profile], format="csv", identity=identity)
    assert read_csv(made.lines[0][0])[0][2] == as_text
    identity["preference"] = "all"
    (record,) = make_of([profile], identity=identity).objects()
    alone = as_json == "fallback"
    assert record["identity"] == {"identity": [as_json] if alone else [as_json, "fallback"]}


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
    empty = {"eventName": "Charged", "eventTime": None, "profile": {}, "deviceInfo": {}}
    rest = {"commPrefs": {}, "eventProps": {}}
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
