"""The layouts, by name: a further one is a file here and a line in the table."""

from __future__ import annotations

from evexport_dagster.layouts.base import (
    Chosen,
    Deleted,
    EventName,
    EventTime,
    Layout,
    Member,
    OfDevice,
    OfPerson,
    OldValue,
    Properties,
)
from evexport_dagster.layouts.clevertap import CLEVERTAP
from evexport_dagster.layouts.infobip import INFOBIP
from evexport_dagster.layouts.legacy import LEGACY
from evexport_dagster.layouts.profiles import MARKED_PROFILES, PROFILES

LAYOUTS: dict[str, Layout] = {it.name: it for it in (CLEVERTAP, LEGACY, INFOBIP)}

__all__ = [
    "CLEVERTAP",
    "LAYOUTS",
    "LEGACY",
    "MARKED_PROFILES",
    "PROFILES",
    "Chosen",
    "Deleted",
    "EventName",
    "EventTime",
    "Layout",
    "Member",
    "OfDevice",
    "OfPerson",
    "OldValue",
    "Properties",
]
