"""Sources: whatever DuckDB can read, mapped to the canonical columns, never written."""

from evexport_dagster.source.catalog import (
    event_names,
    profile_count,
    property_names,
    unplaceable_rows,
)
from evexport_dagster.source.json_text import FloatMembers
from evexport_dagster.source.lake import EVENTS_VIEW, PROFILES_VIEW, Lake, open_lake
from evexport_dagster.source.remote import raised_beneath

__all__ = [
    "EVENTS_VIEW",
    "PROFILES_VIEW",
    "FloatMembers",
    "Lake",
    "event_names",
    "open_lake",
    "profile_count",
    "property_names",
    "raised_beneath",
    "unplaceable_rows",
]
