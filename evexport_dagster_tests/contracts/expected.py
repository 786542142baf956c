"""What a spec makes of an event, by the product contract (section 3), in plain Python.

Small and slow on purpose, and without a line of the package: it is the other opinion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from evexport_dagster_tests.contracts.reading import Column, Place
from evexport_dagster_tests.contracts.ugly import Event, Profile
from evexport_dagster_tests.contracts.values import (
    REPLACEMENT,
    Number,
    Numeral,
    UnreadableError,
    Value,
    read_source,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
COMM_PREFS: Final = (
    "subscriptionGroups",
    "MSG-webpush",
    "MSG-push",
    "MSG-email",
    "MSG-sms",
    "MSG-whatsapp",
)
OF_PROFILE: Final = {
    "Email": "email",
    "Phone": "phone",
    "Name": "name",
    "Gender": "gender",
    "DOB": "dob",
}

Spec = Mapping[str, Any]
"""The document of an export, as it stands in its YAML."""


@dataclass(frozen=True)
class Projection:
    """What an event's files hold: columns (those of a header), and records by their places.

    What is missing is left out; properties stand in the order of the row, listed ones in theirs.
    """

    columns: tuple[Column, ...]
    records: tuple[dict[Place, Value], ...]


def project(
    spec: Spec, zone: ZoneInfo, events: Sequence[Event], profiles: Sequence[Profile]
) -> Projection:
    """The projection of events of one name, given in the order in which they are first seen."""
    newest = {p.profile_id: p for p in sorted(profiles, key=lambda p: p.updated_at)}
    name = events[0].event_name
    keys = _property_keys(spec, name, events)
    fields = [
        ("", "eventName"),
        ("", "eventTime"),
        *(("identity", key) for key in _identity_keys(spec["identity"])),
        *(("profile", out) for _, out in map(_field, spec["user_properties"])),
        *(("deviceInfo", key) for key in spec["device"]),
        *(("commPrefs", key) for key in COMM_PREFS if key in spec["comm_prefs"]),
        *(("eventProps", out) for out in _names(spec, name, keys)),
    ]
    people = [newest.get(event.profile_id) if event.profile_id else None for event in events]
    return Projection(
        columns=tuple(_columns(fields)),
        records=tuple(
            _record(spec, zone, event, person, keys)
            for event, person in zip(events, people, strict=True)
        ),
    )


def _columns(fields: Iterable[Place]) -> Iterator[Column]:
    """An equal name in a later column is qualified by its group, then numbered."""
    taken: set[str] = set()
    for group, key in fields:
        plain = key.replace("\0", REPLACEMENT)
        name = qualified = plain if plain not in taken else f"{group}.{plain}"
        count = 1
        while name in taken:
            count += 1
            name = f"{qualified}_{count}"
        taken.add(name)
        yield Column(name, group, key)


def _record(
    spec: Spec, zone: ZoneInfo, event: Event, person: Profile | None, keys: Sequence[str]
) -> dict[Place, Value]:
    own = _members(event.event_props)
    name = event.event_name
    values = _merged((_renamed(spec, name, key), own.get(key)) for key in keys)
    order = _names(spec, name, keys if _listed(spec, name) else own)
    device = _members(event.device)
    prefs = _members(person.comm_prefs if person else None)
    groups: dict[str, dict[str, Value]] = {
        "": {
            "eventName": _choice(spec, name).get("as", name),
            "eventTime": _time(spec["timestamp"], zone, event.event_time),
        },
        "identity": _identity(spec["identity"], event, person),
        "profile": {out: _of(person, name) for name, out in map(_field, spec["user_properties"])},
        "deviceInfo": {key: device.get(key) for key in spec["device"]},
        "commPrefs": {key: prefs.get(key) for key in COMM_PREFS if key in spec["comm_prefs"]},
        "eventProps": {key: values[key] for key in order},
    }
    return {
        (group, key): _as_text(value) if spec["as_string"] else value
        for group, members in groups.items()
        for key, value in members.items()
        if value is not None
    }


def _members(text: str | None) -> dict[str, Value]:
    """The members of an object that have a value; none of what is not a well-formed object."""
    try:
        value = read_source(text) if text is not None else None
    except UnreadableError:
        return {}
    members = value if isinstance(value, dict) else {}
    return {key: item for key, item in members.items() if item is not None}


def _time(style: str, zone: ZoneInfo, time: datetime) -> str:
    whole = time - timedelta(microseconds=time.microsecond)
    if style == "epoch":
        return str((whole - EPOCH) // timedelta(seconds=1))
    return whole.astimezone(zone).isoformat()


# People


def _field(field: str | Mapping[str, str]) -> tuple[str, str]:
    if isinstance(field, str):
        return field, field
    return field["name"], field.get("as", field["name"])


def _identity_keys(identity: Spec) -> list[str]:
    asked = {"all_identities": "all_identities", "clevertap_id": "clevertapId"}
    return ["identity", *(key for option, key in asked.items() if identity[option])]


def _identity(identity: Spec, event: Event, person: Profile | None) -> dict[str, Value]:
    present = _present(_identifier(person, name) for name in identity["identifiers"])
    first: Value = present[0] if present else None
    everyone = [*_identities(person), _of(person, "Email"), _of(person, "Phone")] if person else []
    values: dict[str, Value] = {
        "identity": first if identity["preference"] == "first" else present or None,
        "all_identities": _present(everyone) or None,
        "clevertapId": event.profile_id,
    }
    return {key: values[key] for key in _identity_keys(identity)}


def _identifier(person: Profile | None, name: str | Mapping[str, str]) -> Value:
    if not isinstance(name, str):
        return _of(person, name["custom"])
    if name == "Identity":
        return next(iter(_present(_identities(person))), None)
    return _of(person, name)


def _identities(person: Profile | None) -> list[Value]:
    return [*person.identities] if person and person.identities else []


def _present(values: Iterable[Value]) -> list[Value]:
    kept: list[Value] = []
    for value in values:
        if value not in (None, "", *kept):
            kept.append(value)
    return kept


def _of(person: Profile | None, name: str) -> Value:
    if person is None:
        return None
    if name in OF_PROFILE:
        value: Value = getattr(person, OF_PROFILE[name])
        return value
    return _members(person.properties).get(name)


# Properties


def _choice(spec: Spec, name: str) -> Spec:
    choice: Spec = spec["events"].get("each", {}).get(name, {})
    return choice


def _listed(spec: Spec, name: str) -> list[tuple[str, str | None]]:
    chosen = _choice(spec, name).get("properties", "all")
    if chosen == "all":
        return []
    return [
        (field, None) if isinstance(field, str) else (field["name"], field.get("as"))
        for field in chosen
    ]


def _renamed(spec: Spec, name: str, key: str) -> str:
    own = dict(_listed(spec, name)).get(key)
    renames: Mapping[str, str] = spec["events"].get("rename_properties", {})
    return own if own is not None else renames.get(key, key)


def _property_keys(spec: Spec, name: str, events: Iterable[Event]) -> list[str]:
    """The keys in the order in which they are first seen, alphabetical within a row."""
    listed = [key for key, _ in _listed(spec, name)]
    seen = (key for event in events for key in sorted(_members(event.event_props)))
    return listed or list(dict.fromkeys(seen))


def _names(spec: Spec, name: str, keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(_renamed(spec, name, key) for key in keys))


def _merged(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Of the values under one name the first that is there."""
    merged: dict[str, Value] = {}
    for name, value in pairs:
        if merged.get(name) is None:
            merged[name] = value
    return merged


# Text


def _as_text(value: Value) -> Value:
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return Numeral(value)
    return value
