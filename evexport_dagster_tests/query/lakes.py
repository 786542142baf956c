"""Small lakes in memory, and the records that an export makes of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from evexport_dagster.columns import ColumnPlan, EventColumns, KnownNames
from evexport_dagster.formats import FORMATS
from evexport_dagster.query import exact
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.survey import EventSurvey
from evexport_dagster.query.window import WindowRows
from evexport_dagster.settings import Source
from evexport_dagster.source import Lake, open_lake
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.windows import Window

INSTANT = pa.timestamp("us", tz="UTC")
NOON = dt.datetime(2026, 6, 14, 12, tzinfo=dt.UTC)
DAY = Window(NOON - dt.timedelta(hours=12), NOON + dt.timedelta(hours=12))

EVENTS = {
    "event_id": pa.string(),
    "event_name": pa.string(),
    "event_time": INSTANT,
    "profile_id": pa.string(),
    "device": pa.string(),
    "event_props": pa.string(),
    "instance_id": pa.int32(),
    "arrived_at": INSTANT,
}
PROFILES = {
    "profile_id": pa.string(),
    "identities": pa.list_(pa.string()),
    "email": pa.string(),
    "phone": pa.string(),
    "name": pa.string(),
    "gender": pa.string(),
    "dob": pa.string(),
    "properties": pa.string(),
    "comm_prefs": pa.string(),
    "updated_at": INSTANT,
}
Row = Mapping[str, Any]


def event(**values: Any) -> Row:
    """An event at noon, with what else it has."""
    return {"event_name": "Charged", "event_time": NOON, "event_props": "{}", **values}


@dataclass(frozen=True)
class Rows:
    """A lake of rows, and the connection that sees it."""

    con: duckdb.DuckDBPyConnection
    lake: Lake


def open_rows(events: Sequence[Row], profiles: Sequence[Row] = ()) -> Rows:
    """A lake of these rows; columns that they do not have are null."""
    con = duckdb.connect(config={"threads": 2})
    exact.register(con)
    relations: dict[str, Any] = {}
    for name, rows, schema in (("events", events, EVENTS), ("profiles", profiles, PROFILES)):
        extra = {key: pa.string() for row in rows for key in row if key not in schema}
        table = pa.Table.from_pylist(list(rows), pa.schema({**schema, **extra}))
        con.register("rows", table)
        con.execute(f"CREATE TABLE {name}_rows AS FROM rows")
        con.unregister("rows")
        relations[name] = {"sql": f"SELECT * FROM {name}_rows"}
    return Rows(con, open_lake(con, "lake", Source.model_validate(relations), Path("/")))


def spec(**values: Any) -> ExportSpec:
    """An export of `Charged`, with what else is asked for."""
    given = {
        "name": "purchases",
        "source": "lake",
        "destination": "local",
        "format": "json",
        "events": {"select": ["Charged"]},
        "schedule": {"one_time": {"from": dt.date(2026, 6, 14), "to": dt.date(2026, 6, 14)}},
        **values,
    }
    return ExportSpec.model_validate(given)


@dataclass(frozen=True)
class Made:
    """What a window became: for each event its lines, survey, columns and oddities."""

    window: WindowRows
    lines: tuple[list[str], ...]
    surveys: tuple[EventSurvey, ...]
    columns: tuple[EventColumns, ...]
    oddities: tuple[Mapping[str, int], ...]

    def labels(self, number: int = 0) -> tuple[str, ...]:
        """The labels of an event's records."""
        return self.window.shape.labels(self.columns[number])

    def objects(self, number: int = 0) -> list[dict[str, Any]]:
        """An event's JSON records, read."""
        return [json.loads(line) for line in self.lines[number]]


def make(
    rows: Rows,
    export: ExportSpec,
    window: Window = DAY,
    zone: str = "UTC",
    events: Sequence[str] = ("Charged",),
    known: Mapping[str, KnownNames] | None = None,
) -> Made:
    """The records of a window, as one pass of a delivery makes them.

    The columns are those of a new export, but for events whose names are all `known`.
    """
    rows.con.execute("SET GLOBAL TimeZone = ?", [zone])
    shape = RecordShape(export, FORMATS[export.format], window, ZoneInfo(zone), tuple(events))
    held = known or {}
    plans = [
        ColumnPlan(export.events.choice(it), held.get(it, KnownNames(())), grows=it not in held)
        for it in events
    ]
    read = WindowRows(rows.con, rows.lake, shape, plans)
    lines: list[list[str]] = [[] for _ in events]
    for number, _, batch in read.records():
        lines[number] += batch.to_pylist()
    surveys = read.surveys
    columns = [plan.columns(it.names) for plan, it in zip(plans, surveys, strict=True)]
    counted = [
        {**survey.oddities, **read.odd_people(number)} for number, survey in enumerate(surveys)
    ]
    return Made(read, tuple(lines), surveys, tuple(columns), tuple(counted))


def read_csv(text: str) -> list[list[str | None]]:
    """RFC 4180 with LF, strictly; a blank cell is None, `""` is an empty text."""
    rows: list[list[str | None]] = [[]]
    at = 0
    while at < len(text):
        cell, at = _cell(text, at)
        rows[-1].append(cell)
        assert text[at] in ",\n", text[at : at + 20]
        if text[at] == "\n":
            rows.append([])
        at += 1
    assert rows[-1] == []
    return rows[:-1]


def _cell(text: str, at: int) -> tuple[str | None, int]:
    if text[at] != '"':
        end = min(place for char in ",\n" if (place := text.find(char, at)) >= 0)
        assert not set('"\r') & set(text[at:end]), text[at:end]
        return text[at:end] or None, end
    pieces, at = [], at + 1
    while True:
        end = text.index('"', at)
        pieces.append(text[at:end])
        if text[end + 1] != '"':
            return '"'.join(pieces), end + 1
        at = end + 2
