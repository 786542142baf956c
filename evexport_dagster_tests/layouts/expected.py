"""What records of the older layouts hold, read from their documents: plain Python, and not a line
of the package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from evexport_dagster_tests.contracts.reading import Place
from evexport_dagster_tests.contracts.ugly import Profile
from evexport_dagster_tests.contracts.values import (
    Number,
    Numeral,
    UnreadableError,
    Value,
    read_source,
)
from evexport_dagster_tests.layouts.lakes import ZONE, Lake, Row

PROFILE: Final = (
    *("identity", "objectId", "all_identities", "platform"),
    *("phone", "name", "email", "push_token"),
)
DEVICE: Final = (
    *("make", "model", "appVersion", "sdkVersion", "osVersion", "browser", "dpi", "dimensions"),
)
GROUPS: Final = ("profile", "deviceInfo", "eventProps", "sessionProps")
CAMPAIGN_TYPES: Final = """\
Sms: SMS
Browser: Web Push - Chrome
Fb: Facebook Audiences
NotificationInbox: App Inbox
InApp: Others
NativeDisplay: Others
Web: Others
WebNativeDisplay: Others
WEB_EXIT_INTENT: Others
WebInbox: Others
GoogleAdWords: Others
TIKTOK: Others
Partner: Others
PROMO: Others"""
PUSH: Final = {
    "android": "Mobile Push - Android",
    "ios": "Mobile Push - iOS",
    "windows": "Mobile Push - Windows",
}


def people(lake: Lake) -> dict[str | None, tuple[Profile, str | None]]:
    """The row of each profile that counts, and its push token."""
    numbered = sorted(enumerate(lake.profiles), key=lambda it: it[1].updated_at)
    return {profile.profile_id: (profile, lake.tokens[n]) for n, profile in numbered}


def legacy(row: Row, lake: Lake, identifiers: Sequence[str]) -> dict[Place, Value]:
    """A record by its (group, key)s; what is missing is left out."""
    event = row.event
    nobody = (None, None)
    person, token = people(lake).get(event.profile_id, nobody) if event.profile_id else nobody
    device = members(event.device)
    platform = device.get("platform")
    identities = [*person.identities] if person and person.identities else []
    known = {
        "Identity": next((it for it in identities if it), None),
        "Email": person.email if person else None,
        "Phone": person.phone if person else None,
    }
    profile: dict[str, Value] = {
        "identity": next((known[it] for it in identifiers if known[it]), None),
        "objectId": event.profile_id,
        "all_identities": _present([*identities, known["Email"], known["Phone"]]) or None,
        "platform": platform,
        "phone": known["Phone"],
        "name": person.name if person else None,
        "email": known["Email"],
        "push_token": token if person else None,
    }
    groups: dict[str, dict[str, Value]] = {
        "": {"ts": compact(event.event_time), "eventName": event.event_name},
        "profile": {key: profile[key] for key in PROFILE},
        "deviceInfo": {key: device.get(key) for key in DEVICE},
        "eventProps": _with_old_type(members(event.event_props), platform),
        "sessionProps": members(row.session),
    }
    return {
        (group, key): value
        for group, values in groups.items()
        for key, value in values.items()
        if value is not None
    }


def members(text: str | None) -> dict[str, Value]:
    """The members of an object that have a value; none of what is not a well-formed object."""
    found = _read(text)
    items = found.items() if isinstance(found, dict) else ()
    return {key: item for key, item in items if item is not None}


def _read(text: str | None) -> Value:
    try:
        return read_source(text) if text is not None else None
    except UnreadableError:
        return None


def compact(time: datetime) -> str:
    """yyyyMMddHHmmss on the account's clock."""
    return time.astimezone(ZONE).strftime("%Y%m%d%H%M%S")


def iso(time: datetime) -> str:
    """ISO 8601 to the second, with the offset of the account's clock."""
    return (time - timedelta(microseconds=time.microsecond)).astimezone(ZONE).isoformat()


def as_text(value: Value) -> Value:
    """A value whose scalars are texts."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, bool):
        return "true" if value else "false"
    return Numeral(value) if isinstance(value, Number) else value


def _present(values: Iterable[Any]) -> list[Value]:
    kept: list[Value] = []
    for value in values:
        if value not in (None, "", *kept):
            kept.append(value)
    return kept


def _with_old_type(properties: dict[str, Value], platform: Value) -> dict[str, Value]:
    was = dict(line.split(": ", 1) for line in CAMPAIGN_TYPES.splitlines())
    now = properties.get("Campaign type")
    if now == "Push" and isinstance(platform, str) and platform.lower() in PUSH:
        return {**properties, "Campaign type": PUSH[platform.lower()]}
    if isinstance(now, str) and now in was:
        return {**properties, "Campaign type": was[now]}
    return properties
