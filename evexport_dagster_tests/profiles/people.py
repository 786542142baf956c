"""A source of few profiles, and a consumer who keeps a table of them by the files it gets."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evexport_dagster_tests.handmade import Document, Handmade, json_rows, recurring, visible

PROFILES = pa.schema(
    [
        ("profile_id", pa.string()),
        ("identities", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("email", "phone", "name", "gender", "dob")),
        *((name, pa.string()) for name in ("properties", "comm_prefs", "device")),
        ("updated_at", pa.timestamp("us", "UTC")),
    ]
)


def profile(profile_id: str | None, updated_at: dt.datetime | None, **props: object) -> Document:
    """A row of the source; `email` is a column, other values are custom properties."""
    return {
        "profile_id": profile_id,
        "identities": [f"id-{profile_id}"],
        "email": props.pop("email", f"{profile_id}@example.com"),
        "properties": json.dumps(props),
        "comm_prefs": '{"MSG-email": true, "MSG-sms": false, "subscriptionGroups": {"news": true}}',
        "device": '{"platform": "iOS", "make": "Apple"}',
        "updated_at": updated_at,
    }


def people(home: Handmade, rows: Iterable[Mapping[str, Any]], *without: str) -> None:
    """Write the profiles of the source, without some columns."""
    table = pa.Table.from_pylist(list(rows), PROFILES).drop_columns(list(without))
    pq.write_table(table, home.folder / "lake" / "profiles.parquet", compression="none")


def spec(home: Handmade, name: str = "people", **changes: object) -> None:
    """Write the spec of a daily export of profiles, but for the changes."""
    values = {
        "name": name,
        "type": "profiles",
        "source": "lake",
        "destination": "local",
        "format": "json",
        "user_properties": ["Email"],
        "schedule": recurring(),
        **changes,
    }
    text = re.sub(r'"(\d{4}-\d\d-\d\d)"', r"\1", json.dumps(values))
    (home.folder / "exports" / f"{name}.yaml").write_text(text, encoding="utf-8")


def consumed(home: Handmade) -> dict[str, Document]:
    """The consumer's table: the records of all JSON files in order of their time, by profile."""
    table: dict[str, Document] = {}
    tree = {key: data for key, data in home.tree().items() if visible(key)}
    for key in sorted(tree, key=_time):
        for record in json_rows(tree[key]):
            if record.get("deleted"):
                table.pop(record["identity"]["clevertapId"], None)
            else:
                table[record["identity"]["clevertapId"]] = record["profileProps"]
    return table


def _time(key: str) -> int:
    return int(key.rsplit("-", 3)[1])
