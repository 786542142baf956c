"""The layout of files of at most 50,000 rows, in which all events of a window stand together."""

from __future__ import annotations

from typing import Final

from evexport_dagster.layouts.base import EventName, EventTime, Layout, OfPerson, Properties
from evexport_dagster.naming import Variable

INFOBIP: Final = Layout(
    name="infobip",
    record=(
        EventName("definitionId"),
        OfPerson("", {"personId": "profile_id", "externalPersonId": "identity"}),
        EventTime("timestamp", "datetime"),
        Properties("properties"),
    ),
    file_name=(
        *(Variable.EXPORT_ID, "-events-", Variable.START_MILLIS, "-", Variable.END_MILLIS),
        Variable.FILE_SUFFIX,
    ),
    most_rows=50_000,
    series="all events",
    honours={
        ("type",): ("events",),
        ("format",): ("json",),
        ("file_name",): ("default",),
        ("timestamp",): ("datetime",),
        ("user_properties",): (),
        ("device",): (),
        ("comm_prefs",): (),
        ("identity", "preference"): ("first",),
        ("identity", "all_identities"): (False,),
        ("identity", "clevertap_id"): (True,),
        ("events", "each"): (),
    },
    not_in_folders=(Variable.EVENT_NAME, Variable.INSTANCE_ID),
)
