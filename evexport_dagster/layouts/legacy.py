"""The layout of the older exports: a fixed set of fields, and names of their own."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from evexport_dagster.layouts.base import (
    EventName,
    EventTime,
    Layout,
    OfDevice,
    OfPerson,
    OldValue,
    Properties,
)
from evexport_dagster.naming import Variable

_OTHERS: Final = (
    *("InApp", "NativeDisplay", "Web", "WebNativeDisplay", "WEB_EXIT_INTENT", "WebInbox"),
    *("GoogleAdWords", "TIKTOK", "Partner", "PROMO"),
)
CAMPAIGN_TYPES: Final[dict[str, OldValue]] = {
    "Push": {
        "Android": "Mobile Push - Android",
        "iOS": "Mobile Push - iOS",
        "Windows": "Mobile Push - Windows",
    },
    "Sms": "SMS",
    "Browser": "Web Push - Chrome",
    "Fb": "Facebook Audiences",
    "NotificationInbox": "App Inbox",
    **dict.fromkeys(_OTHERS, "Others"),
}
"""Campaign type -> what it was called; those that are not here were called the same."""

LEGACY: Final = Layout(
    name="legacy",
    record=(
        EventTime("ts", "compact", is_number=True),
        EventName("eventName"),
        OfPerson(
            "profile",
            {"identity": "identity", "objectId": "profile_id", "all_identities": "all_identities"},
        ),
        OfDevice("profile", ("platform",)),
        OfPerson("profile", {it: it for it in ("phone", "name", "email", "push_token")}),
        OfDevice(
            "deviceInfo",
            (
                *("make", "model", "appVersion", "sdkVersion", "osVersion"),
                *("browser", "dpi", "dimensions"),
            ),
        ),
        Properties("eventProps"),
    ),
    file_name=(
        *(Variable.EXPORT_ID, "-", Variable.TIMESTAMP, "-", Variable.EVENT_NAME, "-"),
        *(Variable.COMPACT_DATE, "-", Variable.FILE_INDEX, "-", Variable.INSTANCE_ID),
    ),
    gzips_parquet=True,
    most_bytes=100_000_000,
    is_titled=True,
    has_elements=True,
    has_structs=True,
    csv_prefixes={
        "profile": "profile.",
        "deviceInfo": "deviceInfo.",
        "eventProps": "eventproperties.",
        "sessionProps": "sessionproperties.",
    },
    session="sessionProps",
    old_values=MappingProxyType({"Campaign type": CAMPAIGN_TYPES}),
    honours={
        ("type",): ("events",),
        ("file_name",): ("default",),
        ("timestamp",): (),
        ("user_properties",): (),
        ("device",): (),
        ("comm_prefs",): (),
        ("identity", "preference"): ("first",),
        ("identity", "all_identities"): (True,),
        ("identity", "clevertap_id"): (True,),
    },
)
