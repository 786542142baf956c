"""`python -m benchmarks.calendar [--days N] [--events N]`: years of short windows stay usable.

Four-hour windows of many events, as the ledger and Dagster have them once all were delivered. It
tells how long the code location takes to load, the planner to find what is next, the table and
the history to be read, and Dagster to answer what the partitions page of the asset asks; each
beside its goal.

What the page takes is Dagster's own work: for each answer some 13 microseconds a key of the asset,
which is why there are at most `MOST_KEYS` of them; and some 40 microseconds for each key that was
ever shown, when it is asked first, and when it is asked first after the keys have become others.
The last line shows that, with a month of windows before the first one of the page.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import dagster as dg
from sqlalchemy import create_engine, insert

from evexport_dagster.definitions import definitions
from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.defs.partitions import partition_key, tasks_of
from evexport_dagster.exports import ExportJob, Project, load_project
from evexport_dagster.ledger.schema import delivery
from evexport_dagster.sample import make_lake
from evexport_dagster.windows import Window
from evexport_dagster_tests.defs.servers import Servers, servers

NAME: Final = "calendar"
_Value = TypeVar("_Value")
_BATCH: Final = 100_000
_OLDER: Final = timedelta(days=30)
"""The windows before the first partition that Dagster has shown, too, in the end."""

_GOALS: Final = {
    "code location loaded": 2.0,
    "planner, first tick": 2.0,
    "planner, next tick": 0.5,
    "evexport list": 1.0,
    "evexport show, one page": 2.0,
    "what is missing": 2.0,
    "partitions page, first answer": 5.0,
    "partitions page, next answer": 2.0,
}
"""The most seconds for what a person waits for."""

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
        older = _older(folder, keys)
        _timed("materialisations of older windows", lambda: _copy(home, older, forget=True))
        _timed("partitions page, keys are others", lambda: _page(running))


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
    return 1 + _copy(home, keys[1:])


def _copy(home: Path, keys: list[str], *, forget: bool = False) -> int:
    """Copies of the first materialisation for other keys; with `forget` Dagster counts anew."""
    (index,) = home.rglob("index.db")
    columns = "run_id, event, dagster_event_type, timestamp, step_key, asset_key"
    of_first = "SELECT min(id) FROM event_logs WHERE partition IS NOT NULL"
    with closing(sqlite3.connect(index)) as connection, connection:
        connection.executemany(
            f"INSERT INTO event_logs ({columns}, partition) SELECT {columns}, ? FROM event_logs"
            f" WHERE id = ({of_first})",
            [(it,) for it in keys],
        )
        if forget:
            connection.execute("UPDATE asset_keys SET cached_status_data = NULL")
    return len(keys)


def _older(folder: Path, keys: list[str]) -> list[str]:
    with load_project(folder) as project:
        job = project.in_force(NAME)
        first = min(task.window.start for task in tasks_of(job, keys, again=False))
        windows = job.between(first - _OLDER, first)
        return [str(partition_key(job, it, event)) for it in windows for event in _events(job)]


def _events(job: ExportJob) -> tuple[str, ...]:
    assert job.listed_events is not None
    return job.listed_events


def _page(running: Servers) -> int:
    answer = running.ask(_PARTITIONS, key={"path": ["exports", NAME]})
    return int(answer["assetNodeOrError"]["partitionStats"]["numMaterialized"])


def _timed(what: str, do: Callable[[], _Value]) -> _Value:
    began = time.perf_counter()
    value = do()
    seconds = time.perf_counter() - began
    shown = len(value) if isinstance(value, list) else value if isinstance(value, int) else ""
    goal = f"goal {_GOALS[what]:.1f} s" if what in _GOALS else ""
    print(f"{what:36}{seconds:>9.2f} s  {goal:12}{shown:>10}", flush=True)
    return value


if __name__ == "__main__":
    main()
