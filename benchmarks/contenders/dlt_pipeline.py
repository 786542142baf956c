"""dlt: a pipeline from DuckDB to its destination `filesystem`, a table for each event."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from benchmarks.contenders import sql
from benchmarks.contenders.base import THREADS, Contender
from evexport_dagster.text import sql_literal

os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "SCHEMA__NAMING": "direct",
    "NORMALIZE__JSON_NORMALIZER__ADD_DLT_ID": "false",
    "NORMALIZE__JSON_NORMALIZER__ADD_DLT_LOAD_ID": "false",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "false",
    "NORMALIZE__WORKERS": f"{THREADS}",
    # What is extracted is only read again; the files that are loaded stay compressed.
    "SOURCES__DATA_WRITER__DISABLE_COMPRESSION": "true",
}

import dlt

_BATCH = 50_000


def _json(lake: Path, work: Path) -> Iterator[Any]:
    """Rows as Python has them: dlt takes an object apart, or keeps it as JSON."""
    con = sql.connection(work / "spill")
    found = con.sql(sql.nested(lake)).to_arrow_reader(_BATCH)
    numbers: dict[str, int] = {}
    for batch in found:
        pages: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in batch.to_pylist():
            row["eventProps"] = json.loads(row["eventProps"])
            pages[row.pop("event")].append(row)
        for event, page in pages.items():
            number = numbers.setdefault(event, len(numbers))
            yield dlt.mark.with_table_name(page, f"event_{number}")


def _csv(lake: Path, work: Path) -> Iterator[Any]:
    con = sql.connection(work / "spill")
    for number, (event, keys) in enumerate(sql.stage(con, lake)):
        for batch in con.sql(sql.flat(event, keys)).to_arrow_reader(_BATCH):
            yield dlt.mark.with_table_name(batch, f"event_{number}")


def _parquet(lake: Path, work: Path) -> Iterator[Any]:
    con = sql.connection(work / "spill")
    con.execute(f"CREATE TEMP TABLE staged AS {sql.unions(lake)}")
    names = con.execute("SELECT DISTINCT event FROM staged ORDER BY ALL").fetchall()
    for number, (event,) in enumerate(names):
        rows = con.sql(f"SELECT * EXCLUDE (event) FROM staged WHERE event = {sql_literal(event)}")
        for batch in rows.to_arrow_reader(_BATCH):
            yield dlt.mark.with_table_name(batch, f"event_{number}")


_ROWS = {"json": _json, "csv": _csv, "parquet": _parquet}
_FILES: dict[str, Literal["jsonl", "csv", "parquet"]] = {
    "json": "jsonl",
    "csv": "csv",
    "parquet": "parquet",
}


def _run(format_: str, lake: Path, out: Path) -> None:
    work = out.with_name("dlt")
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(work),
        destination=dlt.destinations.filesystem(bucket_url=out.as_uri()),
        dataset_name="events",
    )
    rows = dlt.resource(_ROWS[format_](lake, work), name="events", max_table_nesting=0)
    pipeline.run(rows, loader_file_format=_FILES[format_])


_CALLS = {
    "json": "pages of dicts from DuckDB's Arrow, properties by json.loads",
    "csv": "Arrow batches from DuckDB, staged, per event",
    "parquet": "Arrow batches of maps of structs from DuckDB, per event",
}
CONTENDERS = tuple(
    Contender(
        f"dlt-{format_}",
        format_,
        f"{call}; pipeline.run(..., filesystem, loader_file_format='{_FILES[format_]}'),"
        f" {THREADS} workers that normalize",
        ("dlt", "duckdb", "pyarrow"),
        partial(_run, format_),
    )
    for format_, call in _CALLS.items()
)
