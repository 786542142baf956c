"""What is wrong between keys of a spec that are right by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from evexport_dagster.spec.fields import REQUIRED, UP, Wrong
from evexport_dagster.spec.model_events import NO_EVENTS
from evexport_dagster.spec.model_schedule import OneTime, Recurring

OF_PROFILES: Final[Mapping[str, tuple[Any, str]]] = {
    "properties": ("all", "write `events.properties`"),
    "schema_updates": (None, "write `events.schema_updates`"),
    "rename_properties": ({}, "write `events.rename_properties`"),
    "tombstones": (False, "events do not vanish"),
}
"""Keys for profiles alone: their default, and what to do about it in an export of events."""


def misfits(spec: Mapping[str, Any]) -> Iterator[Wrong]:
    """What is wrong between fields that are right by themselves, as far as they are known."""
    kind, events = spec.get("type"), spec.get("events")
    if kind == "events" and events == NO_EVENTS:
        yield Wrong(REQUIRED, (UP, "events"))
    if kind == "profiles" and events not in (None, NO_EVENTS):
        yield Wrong("an export of profiles has no events", (UP, "events"))
    if kind == "events":
        yield from _of_profiles_alone(spec)
    if kind == "profiles":
        yield from _misfits_of_profiles(spec)
    if spec.get("compression") == "gzip" and spec.get("format", "parquet") != "parquet":
        allowed = "expected `default`: another compression is for parquet only"
        yield Wrong(allowed, (UP, "compression"))


def _of_profiles_alone(spec: Mapping[str, Any]) -> Iterator[Wrong]:
    for key, (default, advice) in OF_PROFILES.items():
        if spec.get(key, default) != default:
            yield Wrong(f"for `type: profiles` only: {advice}", (UP, key))


def _misfits_of_profiles(spec: Mapping[str, Any]) -> Iterator[Wrong]:
    schedule, identity = spec.get("schedule"), spec.get("identity")
    if isinstance(schedule, Recurring) and schedule.history is not None:
        rule = "an export of profiles has no history: its first files hold every profile"
        yield Wrong(rule, (UP, "schedule", "recurring", "history"))
    if not spec.get("tombstones"):
        return
    if isinstance(schedule, OneTime):
        rule = "for recurring exports only: nothing can have vanished before the first one"
        yield Wrong(rule, (UP, "tombstones"))
    if identity is not None and not identity.clevertap_id:
        rule = "needs `identity.clevertap_id: true`: of a profile that vanished its id is known"
        yield Wrong(rule, (UP, "tombstones"))
