from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from evexport_dagster.exports import Project, load_project
from evexport_dagster.sample import make_lake

DAY = dt.date(2026, 6, 14)
ZONE = "Pacific/Honolulu"
ODD_NAMES = (
    "a|b",
    "a,b",
    "[a]",
    "50%",
    "%7C",
    "a/b",
    "...",
    " space ",
    "   ",
    "Café",
    "Cafe\u0301",
    "tab\there",
    "日本語",
    "x" * 300,
)
"""Event names of the lake beside the sample's own ones: what partition keys could trip over."""

PROJECT_YAML = f"""
account: {{id: "1517477760", name: Acme, timezone: {ZONE}}}
sources:
  lake:
    events: {{from: "lake/events/*.parquet"}}
    profiles: {{from: "lake/profiles.parquet"}}
destinations:
  local: {{type: local, path: out}}
runtime: {{history_limit: 36500d}}
"""
PURCHASES = f"""
name: purchases
source: lake
destination: local
folder: event_name
format: csv
events:
  select: [App Launched, Charged, Product Viewed, Added To Cart]
  each: {{Charged: {{properties: [Amount, Currency]}}}}
schedule: {{recurring: {{every: 8h, start: {DAY}, history: {{from: 2026-06-12, to: 2026-06-13}}}}}}
description: What led to a purchase
owners: [data@example.com, team:finance]
tags: {{domain: finance}}
"""
EVERYTHING = f"""
name: everything
source: lake
destination: local
folder: {{template: "all/{{{{event-name}}}}"}}
format: json
events: {{select: all}}
schedule: {{one_time: {{from: {DAY}, to: {DAY}}}}}
"""


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small lake of three days, the last of them with odd event names as well."""
    folder = tmp_path_factory.mktemp("source") / "lake"
    first = DAY - dt.timedelta(days=2)
    made = make_lake(folder, events=1500, first_day=first, days=3, zone=ZONE, profiles=50)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    files = [str(file) for file in made.event_files]
    for number, name in enumerate(ODD_NAMES, 1):
        con.execute(
            "COPY (SELECT * REPLACE ($name AS event_name) FROM read_parquet($files) WHERE"
            f" event_time >= '{DAY} 20:00+00' LIMIT {number})"
            f" TO '{folder}/events/odd-{number}.parquet'",
            {"name": name, "files": files},
        )
    con.close()
    return folder


@pytest.fixture
def folder(lake: Path, tmp_path: Path) -> Path:
    """A project folder with two exports, one of them with history."""
    home = tmp_path / "project"
    (home / "exports").mkdir(parents=True)
    (home / "lake").symlink_to(lake)
    (home / "evexport.yaml").write_text(PROJECT_YAML, encoding="utf-8")
    (home / "exports" / "purchases.yaml").write_text(PURCHASES, encoding="utf-8")
    (home / "exports" / "everything.yaml").write_text(EVERYTHING, encoding="utf-8")
    return home


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with load_project(folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance that nothing has happened in: to make one takes seconds."""
    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}", encoding="utf-8")
    with dg.DagsterInstance.local_temp(str(home)) as made:
        made.get_runs()
        made.get_dynamic_partitions("none")
    return home


@pytest.fixture
def home(fresh_home: Path, tmp_path: Path) -> Path:
    """The folder of an instance of the test's own."""
    return Path(shutil.copytree(fresh_home, tmp_path / "dagster_home"))


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that lasts."""
    with dg.DagsterInstance.local_temp(str(home)) as opened:
        yield opened


@pytest.fixture
def forgetting() -> Iterator[dg.DagsterInstance]:
    """An instance in memory: quicker, where what it shows afterwards does not matter."""
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened
