"""The layouts of profiles: every group as the spec says, no event and no time of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from evexport_dagster.layouts.base import Chosen, Deleted, Layout, Properties

PROFILES: Final = Layout(
    name="profiles",
    record=(
        Chosen("identity"),
        Chosen("profile"),
        Chosen("deviceInfo"),
        Chosen("commPrefs"),
        Properties("profileProps"),
    ),
    element="Profile",
    properties_of="properties",
)

MARKED_PROFILES: Final = replace(
    PROFILES, name="profiles with tombstones", record=(Deleted("deleted"), *PROFILES.record)
)
"""Each record says whether its profile is no longer in the source."""
