"""A notice of each kind."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

from evexport_dagster.ledger import Notice
from evexport_dagster.notify.message import Message, message

ZONE = ZoneInfo("Pacific/Honolulu")
AT = dt.datetime(2026, 6, 14, 21, 5, 9, tzinfo=dt.UTC)
START = dt.datetime(2026, 6, 14, 17, tzinfo=dt.UTC)

ABOUT = {
    "account": {"id": "1517477760", "name": "Acme & <Söhne>"},
    "export": "purchases",
    "export_id": 1776150812,
    "revision": 2,
    "type": "events",
    "schedule": "recurring",
    "format": "csv",
    "destination": {"name": "acme", "type": "s3", "place": "s3://acme-events/"},
    "owners": ["data@acme.com"],
    "window": {"start": "2026-06-14T07:00:00-10:00", "end": "2026-06-14T11:00:00-10:00"},
}
COUNTS = {"windows": 1, "events": 2, "rows": 1234, "files": 12, "bytes": 67890}
FILES = [
    {
        "key": f"Charged/{number:02}.csv.gz",
        "event": "Charged",
        "rows": 1,
        "bytes": 2,
        "sha256": "ab",
    }
    for number in range(12)
]
FAILURE = {
    "failure": {"kind": "access", "message": "the <key> is wrong", "since": "2026-06-14T21:00:00Z"},
    "number": 1,
    "stops_at": "2026-06-16T11:00:00-10:00",
}

STARTED = Notice(1, "1776150812-1-started", 1776150812, START, "started", ABOUT, AT)
COMPLETED = replace(
    STARTED,
    notice_id="1776150812-1-completed",
    kind="completed",
    fact={**ABOUT, "counts": COUNTS, "files": FILES},
)
FAILED = replace(STARTED, kind="failed", fact={**ABOUT, **FAILURE})
RECOVERED = replace(FAILED, kind="recovered")
STOPPED = replace(
    STARTED, kind="stopped", fact={key: it for key, it in ABOUT.items() if key != "window"}
)
ALL = (STARTED, COMPLETED, FAILED, RECOVERED, STOPPED)


def said(notice: Notice = STARTED) -> Message:
    """A notice in words."""
    return message(notice, ZONE)
