"""What is measured: each contender turns the sample lake into compressed files of one format.

Rows are counted from the files that were written, after the clock has stopped.
"""

from __future__ import annotations

import csv
import gzip
import json
import resource
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
from isal import igzip

from evexport_dagster import load_project
from evexport_dagster.text import json_pointer, sql_literal

_PROJECT = """
account: {{id: "1", name: Benchmark, timezone: America/New_York}}
sources:
  lake:
    events: {{from: "{lake}/events/*.parquet"}}
    profiles: {{from: "{lake}/profiles.parquet"}}
destinations:
  local: {{type: local, path: out}}
runtime: {{memory: 2GB, threads: 2, history_limit: 36500d}}
"""
_EXPORT = """
name: bench
source: lake
destination: local
folder: event_name
format: {format}
timestamp: datetime
identity: {{identifiers: [Identity, Email, Phone], all_identities: true}}
user_properties: [Email, Phone, Name, Gender, tier]
device: [platform, make, model, appVersion, osVersion, dimensions]
comm_prefs: [subscriptionGroups, MSG-webpush, MSG-push, MSG-email, MSG-sms, MSG-whatsapp]
events: {{select: all}}
schedule: {{one_time: {{from: {day}, to: {day}}}}}
"""
_MEBIBYTE = 1 << 20


def evexport(format_: str, lake: Path, out: Path, day: str) -> None:
    """This project, through its Python interface, with all of its promises kept."""
    (out / "exports").mkdir(parents=True)
    (out / "evexport.yaml").write_text(_PROJECT.format(lake=lake))
    (out / "exports" / "bench.yaml").write_text(_EXPORT.format(format=format_, day=day))
    with load_project(out) as project:
        project.run("bench")


_DEVICE = ("platform", "make", "model", "appVersion", "osVersion", "dimensions")
_PREFERENCES = (
    "subscriptionGroups",
    *(f"MSG-{it}" for it in ("webpush", "push", "email", "sms", "whatsapp")),
)


def copy_json(lake: Path, out: Path) -> None:
    """DuckDB's own export of the same fields, one folder an event."""
    con = _connection(out)
    device = ", ".join(f"'{key}': device->'{key}'" for key in _DEVICE)
    preferences = ", ".join(f"'{key}': comm_prefs->'{key}'" for key in _PREFERENCES)
    con.execute(
        f"""
        COPY (
            SELECT event_name AS "eventName",
                strftime(event_time, '%Y-%m-%dT%H:%M:%S%z') AS "eventTime",
                {{'identity': coalesce(identities[1], email, phone),
                  'all_identities': list_concat(identities, [email, phone]),
                  'clevertapId': profile_id}} AS identity,
                {{'Email': email, 'Phone': phone, 'Name': name, 'Gender': gender,
                  'tier': properties->'tier'}} AS profile,
                {{{device}}} AS "deviceInfo", {{{preferences}}} AS "commPrefs",
                event_props AS "eventProps", event_name AS event
            FROM '{lake}/events/*.parquet' LEFT JOIN '{lake}/profiles.parquet' USING (profile_id)
        ) TO '{out}/files' (FORMAT json, COMPRESSION gzip, PARTITION_BY event)
        """
    )


def copy_csv(lake: Path, out: Path, compression: str) -> None:
    """DuckDB's own export of the same columns: staged once, then one COPY an event."""
    con = _connection(out)
    con.execute(
        f"""
        CREATE TEMP TABLE staged AS
        SELECT event_name, strftime(event_time, '%Y-%m-%dT%H:%M:%S%z') AS time,
            coalesce(identities[1], email, phone) AS identity,
            to_json(list_concat(identities, [email, phone])) AS all_identities, profile_id, email,
            phone, name, gender, properties->>'tier' AS tier, device, comm_prefs, event_props
        FROM '{lake}/events/*.parquet' LEFT JOIN '{lake}/profiles.parquet' USING (profile_id)
        """
    )
    names = con.execute(
        """
        SELECT event_name, list(DISTINCT key ORDER BY key)
        FROM (SELECT event_name, unnest(json_keys(event_props)) AS key FROM staged) GROUP BY ALL
        """
    ).fetchall()
    (out / "files").mkdir()
    suffix = ".csv.gz" if compression == "gzip" else ".csv"
    for number, (event, keys) in enumerate(names):
        lists = (("device", _DEVICE), ("comm_prefs", _PREFERENCES), ("event_props", keys))
        picked = ", ".join(
            f'{column}_cells[{n}] AS "{column}.{key}"'
            for column, cells in lists
            for n, key in enumerate(cells, start=1)
        )
        cells = ", ".join(
            f"json_extract_string({column}, [{', '.join(_pointer(key) for key in wanted)}])"
            f" AS {column}_cells"
            for column, wanted in lists
        )
        con.execute(
            f"""
            COPY (
                SELECT event_name, time, identity, all_identities, profile_id, email, phone, name,
                    gender, tier, {picked}
                FROM (SELECT *, {cells} FROM staged WHERE event_name = {sql_literal(event)})
            ) TO '{out}/files/{number}{suffix}' (FORMAT csv, HEADER, COMPRESSION {compression})
            """
        )


def _pointer(key: str) -> str:
    return sql_literal(json_pointer(key))


def compress_only(lake: Path, out: Path) -> None:
    """The bound: rendered JSON lines, read from memory, compressed and written by ISA-L."""
    con = _connection(out)
    con.execute(f"CREATE TEMP TABLE props AS SELECT event_props FROM '{lake}/events/*.parquet'")
    before = _cpu()
    (out / "files").mkdir()
    with (out / "files" / "all.json.gz").open("wb") as file:
        for batch in con.sql("SELECT event_props || chr(10) FROM props").to_arrow_reader(122_880):
            lines = memoryview(batch.column(0).buffers()[2])
            for start in range(0, len(lines), _MEBIBYTE):
                file.write(igzip.compress(bytes(lines[start : start + _MEBIBYTE]), 2))
    global _unmeasured
    _unmeasured = before


_unmeasured = 0.0


def _connection(out: Path) -> duckdb.DuckDBPyConnection:
    out.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(config={"memory_limit": "4GB", "threads": 2, "temp_directory": str(out)})
    con.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
    con.execute("SET TimeZone = 'America/New_York'")
    return con


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _rows(path: Path) -> int:
    """Records of a file, as Python's own readers count them."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        if ".csv" in path.name:
            return sum(1 for _ in csv.reader(file, strict=True)) - 1
        return sum(1 for _ in file)


def main(name: str, lake: str, out: str, day: str = str(date.today())) -> None:
    """Run one contender in this process; print its rows and bytes as JSON."""
    folder = Path(out)
    shutil.rmtree(folder, ignore_errors=True)
    contenders: dict[str, Callable[[], None]] = {
        "evexport-json": lambda: evexport("json", Path(lake), folder, day),
        "evexport-csv": lambda: evexport("csv", Path(lake), folder, day),
        "duckdb-copy-json.gz": lambda: copy_json(Path(lake), folder),
        "duckdb-copy-csv.gz": lambda: copy_csv(Path(lake), folder, "gzip"),
        "duckdb-copy-csv": lambda: copy_csv(Path(lake), folder, "uncompressed"),
        "compress-only": lambda: compress_only(Path(lake), folder),
    }
    contenders[name]()
    spent = _cpu()
    place = folder / ("out" if name.startswith("evexport") else "files")
    files = [path for path in place.rglob("*") if path.is_file()]
    rows = sum(map(_rows, files))
    counting = _cpu() - spent
    size = sum(path.stat().st_size for path in files)
    print(json.dumps({"rows": rows, "bytes": size, "unmeasured": _unmeasured + counting}))


if __name__ == "__main__":
    main(*sys.argv[1:])
