"""A seeded lake of believable behavioural events, for first steps, tests and benchmarks.

The rows are made by the SQL files beside this one; nothing here touches a row.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from evexport_dagster.errors import RefusedError

SQL_FOLDER = Path(__file__).parent
MEMORY = "2GB"
MOST_ROWS_PER_FILE = 1_000_000
FEWEST_FILES = 4
ROWS_PER_GROUP = 102_400
QUARTER_HOUR = timedelta(minutes=15)


@dataclass(frozen=True)
class Lake:
    """Where a lake lies and what is in it: the events of `[start, end)`, in rough time order."""

    event_files: tuple[Path, ...]
    profile_file: Path
    events: int
    profiles: int
    start: datetime
    end: datetime


def make_lake(
    folder: Path,
    *,
    events: int = 20_000,
    first_day: date,
    days: int,
    zone: str,
    profiles: int | None = None,
    seed: int = 7,
    instances: int = 3,
) -> Lake:
    """Write `folder/events/*.parquet` and `folder/profiles.parquet`.

    The range is `days` days of `zone` from the midnight of `first_day`; where a clock change
    gives a day 23 or 25 hours, all of them have events. `profiles` defaults to a twentieth of the
    events, at least 50. The same arguments give the same bytes with the same DuckDB; memory is
    bounded for any number of events. Raises RefusedError where `folder` is not free, or for a
    lake of nothing; ZoneInfoNotFoundError for an unknown zone.
    """
    people = max(50, events // 20) if profiles is None else profiles
    if min(events, days, people, instances) < 1:
        raise RefusedError("a lake needs at least one event, day, profile and instance")
    refuse_occupied(folder)
    start, end = (
        datetime.combine(day, time(), ZoneInfo(zone))
        for day in (first_day, first_day + timedelta(days=days))
    )
    variables: dict[str, int | str] = {
        "seed": seed,
        "zone": zone,
        "events": events,
        "profiles": people,
        "instances": instances,
        "starts": int(start.timestamp()) * 1_000_000,
        "ends": int(end.timestamp()) * 1_000_000,
        "block": max(8, round(events * QUARTER_HOUR.total_seconds() / _seconds(start, end))),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as making:
        names = _write(Path(making), variables)
        for entry in ("events", "profiles.parquet"):
            (Path(making) / entry).rename(folder / entry)
    event_files = tuple(folder / "events" / name for name in names)
    return Lake(event_files, folder / "profiles.parquet", events, people, start, end)


def refuse_occupied(folder: Path) -> None:
    """Raise RefusedError unless `folder` is an empty folder, or nothing yet."""
    if folder.is_dir():
        in_the_way = min(folder.iterdir(), default=None)
    else:
        in_the_way = folder if folder.exists() else None
    if in_the_way is not None:
        raise RefusedError(f"{in_the_way} is in the way: name a folder that is empty or new")


def _write(folder: Path, variables: Mapping[str, int | str]) -> list[str]:
    """Write a whole lake into `folder`; give the names of the event files."""
    (folder / "events").mkdir()
    rows = int(variables["events"])
    step = min(MOST_ROWS_PER_FILE, math.ceil(rows / FEWEST_FILES))
    names: list[str] = []
    with duckdb.connect() as con:
        con.execute("SET memory_limit = $1", [MEMORY])
        con.execute("SET temp_directory = $1", [str(folder / "spill")])
        con.execute("SET enable_progress_bar = false")
        _set(con, variables)
        con.execute(_sql("vocabulary"))
        con.execute(_sql("properties"))
        for low in range(0, rows, step):
            _set(con, {"low": low, "high": min(low + step, rows)})
            con.execute(_sql("slice"))
            names.append(f"events-{len(names):05d}.parquet")
            _write_parquet(con, "events", folder / "events" / names[-1])
        _write_parquet(con, "profiles", folder / "profiles.parquet")
    return names


def _write_parquet(con: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_PER_GROUP}"
    con.execute(f"COPY ({_sql(query)}) TO $file ({options})", {"file": str(file)})


def _set(con: duckdb.DuckDBPyConnection, variables: Mapping[str, int | str]) -> None:
    for name, value in variables.items():
        con.execute(f"SET VARIABLE {name} = ?", [value])


def _sql(name: str) -> str:
    return (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def _seconds(start: datetime, end: datetime) -> float:
    # Subtracting datetimes of one zone ignores its clock changes.
    return end.timestamp() - start.timestamp()
