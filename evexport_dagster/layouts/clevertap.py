"""The default layout: everything is as the spec says."""

from __future__ import annotations

from typing import Final

from evexport_dagster.layouts.base import Chosen, EventName, EventTime, Layout, Properties

CLEVERTAP: Final = Layout(
    name="clevertap",
    record=(
        EventName("eventName"),
        EventTime("eventTime"),
        Chosen("identity"),
        Chosen("profile"),
        Chosen("deviceInfo"),
        Chosen("commPrefs"),
        Properties("eventProps"),
    ),
)
