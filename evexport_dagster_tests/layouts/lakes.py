"""Lakes for layouts: as ugly as those of the contract, with campaigns, sessions and platforms."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from evexport_dagster_tests.contracts import ugly
from evexport_dagster_tests.contracts.ugly import Event, Profile

ZONE: Final = ZoneInfo("America/New_York")
DAYS: Final = (date(2024, 11, 2), date(2024, 11, 4))
NOW: Final = datetime(2024, 12, 1, tzinfo=UTC)
NAME: Final = "all_of_it"

CAMPAIGNS: Final = (
    *("Push", "Sms", "Browser", "WEB_EXIT_INTENT", "INBOX", "Email", "WhatsApp", "Webhook"),
    *("Fb", "NotificationInbox", "PROMO", "push", "", "New one", "Partner", "InApp"),
)
PLATFORMS: Final = ("Android", "iOS", "Windows", "Web", "ANDROID", None)
SESSIONS: Final = (
    *(None, "{}", '{"utm_source":"a,b","":1}', "{bad", '{ "é" : 1.10 , "utm_source":null}'),
    *("[1]", '{"x":{"y":[1,"\\ud83d\\ude00"]},"x":2}', '{"utm_source":12345678901234567890.5}'),
)


@dataclass(frozen=True)
class Row:
    """An event with the properties of its session."""

    event: Event
    session: str | None


@dataclass(frozen=True)
class Lake:
    """Rows, in the order of the source, and profiles; `tokens` are the push tokens of these."""

    rows: tuple[Row, ...]
    profiles: tuple[Profile, ...]
    tokens: Mapping[int, str | None]


def make(seed: int, count: int) -> Lake:
    """A lake of so many events."""
    made, choose = ugly.lake(seed, count), random.Random(seed)
    # Rows that come twice stay the same.
    made_of = {it: Row(_with_campaign(choose, it), choose.choice(SESSIONS)) for it in made.events}
    rows = tuple(made_of[event] for event in made.events)
    tokens = {n: choose.choice((None, "", 'fcm:"x')) for n in range(len(made.profiles))}
    return Lake(rows, made.profiles, tokens)


def _with_campaign(choose: random.Random, event: Event) -> Event:
    """The event, mostly with a type of campaign: plain, escaped, twice, nested, or no text."""
    if choose.random() < 0.3:
        return event
    name = choose.choice(CAMPAIGNS)
    member = f'"Campaign type":{json.dumps(name)}'
    body = (event.event_props or "{}").strip()[1:]
    rest = body if body.endswith("}") and body != "}" else '"z":1}'
    forms = (
        *(
            f"{{{member},{rest}",
            f"{{{member}}}",
            f'{{"a":"{{\\"Campaign type\\":\\"Push\\"}}",{member}}}',
        ),
        f'{{"Campaign type":5,"b":{{{member}}}}}',
        f'{{"\\u0043ampaign type":{json.dumps(name)},{rest}',
        f'{{"inner":{{{member}}},{member},"exact":12345678901234567890.123456789}}',
        f'{{{member},"Campaign type":"Sms"}}',
        f'{{"Campaign type":null,{rest}',
    )
    platform = choose.choice(PLATFORMS)
    device = {"platform": platform, "make": "a<b", "dpi": 480, "dimensions": {"width": 1.0}}
    return replace(
        event,
        event_props=choose.choice(forms),
        device=event.device if choose.random() < 0.2 else json.dumps(device),
    )


def write(lake: Lake, folder: Path, spec: Mapping[str, Any], **runtime: object) -> None:
    """Write the lake, `evexport.yaml` and the export, in a folder."""
    _write_lake(lake, folder)
    settings = {
        "account": {"id": "acme", "name": "Acme", "timezone": ZONE.key},
        "sources": {
            "lake": {
                "events": {"from": "events.parquet"},
                "profiles": {"from": "profiles.parquet"},
            }
        },
        "destinations": {"here": {"type": "local", "path": "out"}},
        "runtime": {"history_limit": "36500d", **runtime},
    }
    document = {
        "name": NAME,
        "source": "lake",
        "destination": "here",
        "events": {"select": "all"},
        "schedule": {"one_time": dict(zip(("from", "to"), DAYS, strict=True))},
        **spec,
    }
    yaml = YAML(typ="safe")
    yaml.dump(settings, folder / "evexport.yaml")
    (folder / "exports").mkdir()
    yaml.dump(document, folder / "exports" / f"{NAME}.yaml")


def _write_lake(lake: Lake, folder: Path) -> None:
    events = [row.event for row in lake.rows]
    names = ("event_id", "event_name", "profile_id", "device", "event_props")
    pq.write_table(
        pa.table(
            {
                **{it: pa.array([getattr(e, it) for e in events], pa.string()) for it in names},
                "event_time": pa.array([e.event_time for e in events], pa.timestamp("us", "UTC")),
                "instance_id": pa.array([e.instance_id for e in events], pa.int32()),
                "session_props": pa.array([row.session for row in lake.rows], pa.string()),
            }
        ),
        folder / "events.parquet",
    )
    texts = ("profile_id", "email", "phone", "name", "gender", "dob", "properties", "comm_prefs")
    people = lake.profiles
    pq.write_table(
        pa.table(
            {
                **{it: pa.array([getattr(p, it) for p in people], pa.string()) for it in texts},
                "identities": pa.array([p.identities for p in people], pa.list_(pa.string())),
                "updated_at": pa.array([p.updated_at for p in people], pa.timestamp("us", "UTC")),
                "push_token": pa.array([*lake.tokens.values()], pa.string()),
            }
        ),
        folder / "profiles.parquet",
    )
