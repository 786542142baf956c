"""What is measured: each contender turns the sample lake into compressed files of one format.

Rows are counted from the files that were written, after the clock has stopped.
"""

from __future__ import annotations

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


def copy_json(lake: Path, out: Path) -> None:
    """DuckDB's own export of the same fields, one folder an event."""
    con = _connection(out)
    con.execute(
        f"""
        COPY (
            SELECT event_name AS "eventName", strftime(event_time, '%Y-%m-%dT%H:%M:%S%z') AS
                "eventTime", {{'identity': identities[1], 'clevertapId': profile_id}} AS identity,
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
        SELECT event_name, strftime(event_time, '%Y-%m-%dT%H:%M:%S%z') AS time, identities[1] AS
            identity, profile_id, event_props
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
    for number, (event, keys) in enumerate(names):
        pointers = ", ".join(sql_literal(json_pointer(key)) for key in keys)
        picked = ", ".join(f'cells[{n + 1}] AS "{key}"' for n, key in enumerate(keys))
        con.execute(
            f"""
            COPY (
                SELECT event_name, time, identity, profile_id, {picked}
                FROM (SELECT *, json_extract_string(event_props, [{pointers}]) AS cells
                    FROM staged WHERE event_name = {sql_literal(event)})
            ) TO '{out}/files/{number}.csv.gz' (FORMAT csv, HEADER, COMPRESSION {compression})
            """
        )


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
    """Records of a file; these lakes have no line ends in values."""
    header = 1 if ".csv" in path.name else 0
    opened = gzip.open if path.read_bytes()[:2] == b"\x1f\x8b" else open
    with opened(path, "rb") as file:
        return sum(1 for _ in file) - header


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
