"""What stands in a record before its groups, in the default layout."""

from __future__ import annotations

from evexport_dagster.formats import LineFormat


def head(format_: LineFormat, event: str) -> tuple[str, str]:
    """What a record of an event begins with, and what stands behind its time."""
    before, after = format_.around_time("eventTime", is_number=False)
    name = format_.event_name("eventName", event)
    return format_.begin + name + format_.separator + before, after + format_.separator
