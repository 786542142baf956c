"""The lakes that contenders read."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.contenders.base import DAY, ZONE
from evexport_dagster.sample import make_lake


def lake_of(folder: Path, rows: int) -> Path:
    """A day of so many events of the sample lake: thirty names, three instances."""
    lake = folder / f"lake-{rows}"
    make_lake(lake, events=rows, first_day=DAY, days=1, zone=ZONE)
    return lake


def spread(lake: Path, names: int, instances: int) -> Path:
    """The same events under so many names, in so many instances."""
    spread_ = lake.with_name(f"{lake.name}-{names}x{instances}")
    (spread_ / "events").mkdir(parents=True)
    (spread_ / "profiles.parquet").symlink_to(lake / "profiles.parquet")
    with duckdb.connect(config={"memory_limit": "2GB"}) as con:
        for file in sorted((lake / "events").iterdir()):
            con.execute(
                f"""
                COPY (
                    SELECT * REPLACE (
                        'Event ' || hash(event_id) % {names} AS event_name,
                        (hash(event_id, 1) % {instances})::INTEGER AS instance_id
                    ) FROM '{file}'
                ) TO '{spread_}/events/{file.name}' (FORMAT parquet, COMPRESSION zstd)
                """
            )
    return spread_
