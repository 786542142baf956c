"""polars: the columns of our Parquet files; it has no maps, so lists of structs of key and value.

What is of a person or of a device is made once for each of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from benchmarks.contenders.base import DEVICE, PREFERENCES, THREADS, ZONE, Contender, batches

os.environ["POLARS_MAX_THREADS"] = str(THREADS)

import polars as pl

_UNION = {
    "member0": pl.Boolean,
    "member1": pl.Int32,
    "member2": pl.Int64,
    "member3": pl.Float32,
    "member4": pl.Float64,
    "member5": pl.String,
}
_EVENT = ["event_name", "event_time", "profile_id", "device", "event_props"]


def _write(lake: Path, out: Path) -> None:
    profiles = pl.scan_parquet(lake / "profiles.parquet")
    for number, files in enumerate(batches(lake)):
        _write_batch(pl.read_parquet(files, columns=_EVENT), profiles, out, f"{number}")


def _write_batch(events: pl.DataFrame, profiles: pl.LazyFrame, out: Path, name: str) -> None:
    people = _people(events, profiles).with_row_index("person")
    devices = _devices(events).with_row_index("machine")
    placed = events.join(people.select("profile_id", "person"), on="profile_id", how="left").join(
        devices.select("device", "machine"), on="device", how="left", nulls_equal=True
    )
    for event in placed.partition_by("event_name"):
        folder = out / f"event={quote(event['event_name'][0], safe='')}"
        folder.mkdir(parents=True, exist_ok=True)
        _columns(event, people[event["person"]], devices[event["machine"]]).write_parquet(
            folder / f"{name}.parquet", compression="zstd"
        )


def _columns(event: pl.DataFrame, people: pl.DataFrame, devices: pl.DataFrame) -> pl.DataFrame:
    local = pl.col("event_time").dt.convert_time_zone(ZONE)
    entry = pl.struct(key=pl.lit("eventTime"), value=local.dt.to_string("%Y-%m-%dT%H:%M:%S%:z"))
    return event.select(
        eventName="event_name",
        timestamp=entry.reshape((-1, 1)).arr.to_list(),
        identity=people["identity"],
        deviceInfo=devices["deviceInfo"],
        commPrefs=people["commPrefs"],
        profile=people["profile"],
        eventProps=_entries(_parsed(event["event_props"])),
    )


def _people(events: pl.DataFrame, profiles: pl.LazyFrame) -> pl.DataFrame:
    ids = events.lazy().select("profile_id").unique()
    people = ids.join(profiles, on="profile_id", how="left").collect()
    several = pl.concat_list("identities", "email", "phone")
    identity = people.select(
        identity=pl.coalesce(pl.col("identities").list.first(), "email", "phone"),
        all_identities=_json(several.list.drop_nulls()),
        clevertapId="profile_id",
    )
    profile = people.select(
        Email="email",
        Phone="phone",
        Name="name",
        Gender="gender",
        tier=pl.col("properties").cast(pl.String).str.json_path_match("$.tier"),
    )
    preferences = _some(_parsed(people["comm_prefs"]), PREFERENCES)
    return people.select(
        "profile_id",
        identity=_entries(identity),
        commPrefs=_entries(preferences),
        profile=_entries(profile),
    )


def _json(lists: pl.Expr) -> pl.Expr:
    """As only structs have an encoder."""
    encoded = pl.struct(it=lists).struct.json_encode()
    return encoded.str.strip_prefix('{"it":').str.strip_suffix("}")


def _devices(events: pl.DataFrame) -> pl.DataFrame:
    devices = events.select(pl.col("device").unique())
    return devices.with_columns(deviceInfo=_entries(_some(_parsed(devices["device"]), DEVICE)))


def _parsed(objects: pl.Series) -> pl.DataFrame:
    """A column a key, of the type that all of its values have; nested ones stay JSON."""
    lines = objects.cast(pl.String).fill_null("{}").str.join("\n").item().encode()
    kinds = pl.scan_ndjson(lines, infer_schema_length=None).collect_schema()
    return pl.read_ndjson(
        lines, schema={key: pl.String if it.is_nested() else it for key, it in kinds.items()}
    )


def _some(table: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    return table.select(key for key in keys if key in table.columns)


def _entries(table: pl.DataFrame) -> pl.Series:
    """The rows of a table as maps of unions, each with the keys whose value is not null."""
    keys = pl.Enum(table.columns)
    rows = table.lazy().with_row_index("row")
    entries = [
        rows.filter(pl.col(key).is_not_null()).select(
            "row", key=pl.lit(key, dtype=keys), value=_union(pl.col(key), kind)
        )
        for key, kind in table.schema.items()
    ]
    maps = (
        pl.concat(entries)
        .sort("row", maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(entries=pl.struct("key", "value"))
    )
    found = rows.select("row").join(maps, on="row", how="left", maintain_order="left")
    # Rows are gathered from these, which is slow where there are several chunks.
    return found.select(pl.col("entries").fill_null([])).collect()["entries"].rechunk()


def _union(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    members = _members(value, kind)
    return pl.struct(
        members.get(name, pl.lit(None)).cast(type_).alias(name) for name, type_ in _UNION.items()
    )


def _members(value: pl.Expr, kind: pl.DataType) -> dict[str, pl.Expr]:
    if kind == pl.Boolean:
        return {"member0": value}
    if not kind.is_numeric():
        return {"member5": value}
    # A column of integers and fractions was read as one of fractions.
    whole = value.cast(pl.Int64, strict=False)
    is_whole = whole == value
    short = whole.cast(pl.Int32, strict=False)
    return {
        "member1": pl.when(is_whole).then(short),
        "member2": pl.when(is_whole & short.is_null()).then(whole),
        "member4": pl.when(~is_whole).then(value),
    }


CONTENDERS = (
    Contender(
        "polars-parquet",
        "parquet",
        "read_parquet, join, partition_by, per event read_ndjson of the properties,"
        " group_by(row).agg(struct(key, value)), write_parquet(compression='zstd'):"
        " groups as lists of key and union, as maps are in Parquet",
        ("polars",),
        _write,
    ),
)
