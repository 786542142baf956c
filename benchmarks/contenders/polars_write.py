"""polars: one join, then an event after the other, its properties parsed by `read_ndjson`."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from benchmarks.contenders.base import DEVICE, PREFERENCES, THREADS, ZONE, Contender, batches

os.environ["POLARS_MAX_THREADS"] = str(THREADS)

import polars as pl


def _write(format_: str, lake: Path, out: Path) -> None:
    for number, files in enumerate(batches(lake)):
        for event in _joined(files, lake).partition_by("event_name"):
            _write_event(format_, event, out, f"{number}")


def _write_event(format_: str, event: pl.DataFrame, out: Path, name: str) -> None:
    groups = event.select(
        eventName="event_name",
        eventTime=pl.col("event_time")
        .dt.convert_time_zone(ZONE)
        .dt.to_string("%Y-%m-%dT%H:%M:%S%:z"),
        identity=pl.struct(
            identity=pl.coalesce(pl.col("identities").list.first(), "email", "phone"),
            all_identities=pl.concat_list("identities", "email", "phone"),
            clevertapId="profile_id",
        ),
        profile=pl.struct(
            Email="email",
            Phone="phone",
            Name="name",
            Gender="gender",
            tier=pl.col("properties").cast(pl.String).str.json_path_match("$.tier"),
        ),
    )
    read = [("deviceInfo", "device", DEVICE), ("commPrefs", "comm_prefs", PREFERENCES)]
    for label, column, keys in read:
        found = _parsed(event[column])
        there = [key for key in keys if key in found.columns]
        groups = groups.with_columns(found.select(there).to_struct(label))
    groups = groups.with_columns(_parsed(event["event_props"]).to_struct("eventProps"))
    folder = out / f"event={quote(event['event_name'][0], safe='')}"
    folder.mkdir(parents=True, exist_ok=True)
    _WRITERS[format_](groups, folder / name)


def _joined(files: list[Path], lake: Path) -> pl.DataFrame:
    events = pl.scan_parquet(files)
    return events.join(
        pl.scan_parquet(f"{lake}/profiles.parquet"), on="profile_id", how="left"
    ).collect()


def _parsed(texts: pl.Series) -> pl.DataFrame:
    lines = "\n".join(texts.cast(pl.String).fill_null("{}"))
    return pl.read_ndjson(io.BytesIO(lines.encode()), infer_schema_length=None)


def _flat(groups: pl.DataFrame) -> pl.DataFrame:
    """The columns of a CSV file; lists joined, objects as JSON."""
    columns = [
        groups[name].struct.unnest().select(pl.all().name.prefix(f"{name}."))
        if isinstance(kind, pl.Struct)
        else groups.select(name)
        for name, kind in groups.schema.items()
    ]
    wide = pl.concat(columns, how="horizontal")
    cells = [
        pl.col(name).struct.json_encode()
        if isinstance(kind, pl.Struct)
        else pl.col(name).cast(pl.List(pl.String)).list.join(",")
        for name, kind in wide.schema.items()
        if kind.is_nested()
    ]
    return wide.with_columns(cells)


_WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    "json": lambda groups, path: groups.write_ndjson(
        f"{path}.json.gz", compression="gzip", check_extension=False
    ),
    "csv": lambda groups, path: _flat(groups).write_csv(
        f"{path}.csv.gz", compression="gzip", check_extension=False
    ),
    "parquet": lambda groups, path: groups.write_parquet(f"{path}.parquet", compression="zstd"),
}
_CALLS = {
    "json": "write_ndjson(compression='gzip')",
    "csv": "write_csv(compression='gzip')",
    "parquet": "write_parquet(compression='zstd'), groups as structs, a column a key",
}
CONTENDERS = tuple(
    Contender(
        f"polars-{'parquet-structs' if format_ == 'parquet' else format_}",
        format_,
        f"scan_parquet, join, partition_by, per event read_ndjson of the properties, {call}",
        ("polars",),
        partial(_write, format_),
    )
    for format_, call in _CALLS.items()
)
