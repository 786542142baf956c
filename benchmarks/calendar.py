"""`python -m benchmarks.calendar [--days N] [--events N]`: years of short windows stay usable.

Four-hour windows of many events, as the ledger and Dagster have them once all were delivered. It
tells how long the code location takes to load, the planner to find what is next, the table and
the history to be read, and Dagster to answer what the partitions page of the asset asks.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import dagster as dg
from sqlalchemy import create_engine, insert

from evexport_dagster.definitions import definitions
from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.exports import Project, load_project
from evexport_dagster.ledger.schema import delivery
from evexport_dagster.sample import make_lake
from evexport_dagster.windows import Window
from evexport_dagster_tests.defs.servers import Servers, servers

NAME: Final = "calendar"
_Value = TypeVar("_Value")
_BATCH: Final = 100_000
_PROJECT: Final = """
account: {{id: "1", name: Acme, timezone: America/New_York}}
sources:
  lake: {{events: {{from: "lake/events/*.parquet"}}, profiles: {{from: lake/profiles.parquet}}}}
destinations: {{local: {{type: local, path: out}}}}
runtime: {{history_limit: {limit}d}}
"""
_PARTITIONS: Final = """
query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      partitionKeysByDimension { name partitionKeys type }
      partitionStats { numMaterialized numFailed numPartitions numMaterializing }
      assetPartitionStatuses {
        ... on MultiPartitionStatuses { primaryDimensionName ranges { primaryDimStartKey } }
      }
    }
  }
}
"""


@dataclass(frozen=True)
class _Size:
    days: int
    events: int


def main() -> None:
    """Make it, measure it, print a line for each measurement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calendar")
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--events", type=int, default=512)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evexport-calendar-"))
    try:
        _measure(folder, _Size(options.days, options.events))
    finally:
        shutil.rmtree(folder)


def _measure(folder: Path, size: _Size) -> None:
    _write(folder, size)
    with load_project(folder) as project:
        project.create(NAME)
        _timed("deliveries recorded in the ledger", lambda: _deliver(project, folder))
    _timed("code location loaded", lambda: definitions(folder))
    with load_project(folder) as project:
        for when in ("first", "next"):
            _timed(f"planner, {when} tick", lambda: project.unattended.facts(NAME, queued=False))
        _timed("evexport list", lambda: len(project.list()))
        _timed("evexport show, one page", lambda: len(project.show(NAME).receipts))
        _timed("what is missing", lambda: len(project.missing(NAME)))
    keys = _timed("partition keys of the asset", lambda: _keys(folder))
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    _timed("materialisations put into Dagster", lambda: _materialize(home, keys))
    (folder / "logs").mkdir()
    with servers(folder, home, folder / "logs") as running:
        for when in ("first", "next"):
            _timed(f"partitions page, {when} answer", lambda: _page(running))


def _write(folder: Path, size: _Size) -> None:
    start = datetime.now(UTC).date() - timedelta(days=size.days)
    make_lake(folder / "lake", events=100, first_day=date(2020, 1, 1), days=1, zone="UTC")
    (folder / "exports").mkdir()
    (folder / "evexport.yaml").write_text(_PROJECT.format(limit=size.days + 400))
    names = ", ".join(f"Event {number}" for number in range(size.events))
    (folder / "exports" / f"{NAME}.yaml").write_text(
        f"name: {NAME}\nsource: lake\ndestination: local\nformat: json\n"
        f"events: {{select: [{names}]}}\nschedule: {{recurring: {{every: 4h, start: {start}}}}}\n"
    )


def _deliver(project: Project, folder: Path) -> int:
    """Every window that has ended, of every event, recorded as delivered without a row."""
    export = project.registered(NAME)
    assert export is not None
    now = datetime.now(UTC)
    windows = list(project.job(NAME).ended(now))
    positions = [event.position for event in project.events(NAME)]
    engine = create_engine(f"sqlite:///{folder / '.evexport' / 'ledger.db'}")
    rows = [_row(export.export_id, it, place, now) for it in windows for place in positions]
    with engine.begin() as connection:
        for first in range(0, len(rows), _BATCH):
            connection.execute(insert(delivery), rows[first : first + _BATCH])
    engine.dispose()
    return len(rows)


def _row(export_id: int, window: Window, event: int, now: datetime) -> dict[str, object]:
    return {
        "export_id": export_id,
        "window_start": window.start,
        "window_end": window.end,
        "event": event,
        "revision": 1,
        "column_version": 0,
        "rows": 0,
        "source_rows": 0,
        "oddities": "{}",
        "run_id": "benchmark",
        "recorded_at": now,
        "displayed": True,
    }


def _keys(folder: Path) -> list[str]:
    asset = definitions(folder).resolve_assets_def(asset_key(NAME))
    assert asset.partitions_def is not None
    return list(asset.partitions_def.get_partition_keys())


def _materialize(home: Path, keys: list[str]) -> int:
    """One materialisation a key: the first by Dagster, the others as copies of it."""
    key = asset_key(NAME)
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=keys[0]))
    (index,) = home.rglob("index.db")
    columns = "run_id, event, dagster_event_type, timestamp, step_key, asset_key"
    with sqlite3.connect(index) as connection:
        ((made,),) = connection.execute("SELECT max(id) FROM event_logs").fetchall()
        connection.executemany(
            f"INSERT INTO event_logs ({columns}, partition) SELECT {columns}, ? FROM event_logs"
            " WHERE id = ?",
            [(it, made) for it in keys[1:]],
        )
    return len(keys)


def _page(running: Servers) -> int:
    answer = running.ask(_PARTITIONS, key={"path": ["exports", NAME]})
    return int(answer["assetNodeOrError"]["partitionStats"]["numMaterialized"])


def _timed(what: str, do: Callable[[], _Value]) -> _Value:
    began = time.perf_counter()
    value = do()
    seconds = time.perf_counter() - began
    shown = len(value) if isinstance(value, list) else value if isinstance(value, int) else ""
    print(f"{what:36}{seconds:>9.2f} s  {shown}", flush=True)
    return value


if __name__ == "__main__":
    main()
