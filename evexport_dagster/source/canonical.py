"""The canonical columns of a lake: what every source is mapped to (product contract, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "instant", "object", "nested", "list", "integer"]


@dataclass(frozen=True)
class CanonicalColumn:
    """One column: its name, what it holds, and whether a source must have it."""

    name: str
    kind: Kind
    required: bool = True


EVENTS = (
    CanonicalColumn("event_id", "text"),
    CanonicalColumn("event_name", "text"),
    CanonicalColumn("event_time", "instant"),
    CanonicalColumn("profile_id", "text"),
    CanonicalColumn("device", "object"),
    CanonicalColumn("event_props", "object"),
    CanonicalColumn("session_props", "object", required=False),
    CanonicalColumn("instance_id", "integer", required=False),
    CanonicalColumn("arrived_at", "instant", required=False),
)
PROFILES = (
    CanonicalColumn("profile_id", "text"),
    CanonicalColumn("identities", "list"),
    CanonicalColumn("email", "text"),
    CanonicalColumn("phone", "text"),
    CanonicalColumn("name", "text"),
    CanonicalColumn("gender", "text"),
    CanonicalColumn("dob", "text"),
    CanonicalColumn("properties", "object"),
    CanonicalColumn("comm_prefs", "object"),
    CanonicalColumn("subscription_groups", "nested", required=False),
    CanonicalColumn("updated_at", "instant", required=False),
    CanonicalColumn("push_token", "text", required=False),
    CanonicalColumn("device", "object", required=False),
    CanonicalColumn("instance_id", "integer", required=False),
)
