"""DuckDB's own exports of the same records."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.contenders import sql
from benchmarks.contenders.base import Contender


def _partitioned(query: str, options: str, lake: Path, out: Path) -> None:
    con = sql.connection(out.with_name("spill"))
    select = {"nested": sql.nested, "unions": sql.unions}[query](lake)
    con.execute(f"COPY ({select}) TO '{out}' ({options}, PARTITION_BY event)")


def _csv(compression: str, lake: Path, out: Path) -> None:
    """Staged once, then one COPY an event, whose columns are its own."""
    con = sql.connection(out.with_name("spill"))
    suffix = ".csv.gz" if compression == "gzip" else ".csv"
    for number, (event, keys) in enumerate(sql.stage(con, lake)):
        (out / f"event={number}").mkdir(parents=True)
        con.execute(
            f"COPY ({sql.flat(event, keys)}) TO '{out}/event={number}/data{suffix}'"
            f" (FORMAT csv, HEADER, COMPRESSION {compression})"
        )


_JSON = "FORMAT json, COMPRESSION gzip"
_PARQUET = "FORMAT parquet, COMPRESSION zstd"
CONTENDERS = (
    Contender(
        "duckdb-json.gz",
        "json",
        f"COPY (SELECT ... JOIN ...) TO ... ({_JSON}, PARTITION_BY event)",
        ("duckdb",),
        partial(_partitioned, "nested", _JSON),
    ),
    *(
        Contender(
            f"duckdb-csv{suffix}",
            "csv",
            "CREATE TEMP TABLE staged; per event COPY (json_extract_string(...)) TO ..."
            f" (FORMAT csv, COMPRESSION {compression})",
            ("duckdb",),
            partial(_csv, compression),
        )
        for suffix, compression in ((".gz", "gzip"), ("", "uncompressed"))
    ),
    Contender(
        "duckdb-parquet",
        "parquet",
        f"COPY (SELECT map(...) of structs ...) TO ... ({_PARQUET}, PARTITION_BY event)",
        ("duckdb",),
        partial(_partitioned, "unions", _PARQUET),
    ),
)
