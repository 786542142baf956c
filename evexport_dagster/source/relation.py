"""How a relation of a source is read: files of one format, a table, or a SELECT; never written.

Files are listed once, so that every scan of a run sees the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from evexport_dagster.source.canonical import EVENTS, PROFILES
from evexport_dagster.source.database import Names, qualified
from evexport_dagster.source.json_files import Opener, in_folder, open_local, read_json_rows
from evexport_dagster.source.parquet_text import with_json_as_text
from evexport_dagster.source.remote import RemoteFiles
from evexport_dagster.spec.model_sources import REMOTE, cloud_of
from evexport_dagster.text import sql_identifier, sql_literal

_FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
_SCALARS = {"timestamp with time zone", "timestamp", "date", "bigint", "boolean"}
_TEXTS = {column.name for column in (*EVENTS, *PROFILES) if column.kind == "text"}
_COMPRESSED = {".gz", ".zst"}

FILE_POSITION = "file_index::UBIGINT * 1099511627776 + file_row_number"


@dataclass(frozen=True)
class BaseRelation:
    """A relation as the source has it: the SQL of its FROM clause, and what orders its rows.

    `position` is a SQL expression that grows in source order, or None where only the order of
    the scan tells.
    """

    sql: str
    position: str | None = None


def read_files(
    con: duckdb.DuckDBPyConnection, pattern: str, folder: Path, remote: RemoteFiles
) -> BaseRelation | str:
    """The relation over the files of a path or glob, or what is wrong with it.

    Relative patterns start at the project's `folder`; those of clouds are found by `remote`.
    """
    is_remote = cloud_of(pattern) is not None
    files = remote.find_files(pattern) if is_remote else _local_files(con, pattern, folder)
    if not files:
        return "no file matches" + ("" if is_remote else f"; relative paths start at {folder}")
    formats = {_format(file) for file in files}
    if formats == {"parquet"}:
        return _parquet(files if is_remote else with_json_as_text(con, files))
    if formats == {"csv"}:
        return BaseRelation(f"read_csv({_list(files)}, union_by_name = true, all_varchar = true)")
    if formats == {"json"}:
        return _json(con, files, remote.open_lines if is_remote else open_local)
    return "the files must all be .parquet, all .csv, or all .json (.jsonl, .ndjson)"


def read_query(con: duckdb.DuckDBPyConnection, sql: str, names: Names | None) -> BaseRelation | str:
    """The relation of a query, over the database with these names where there is one; or what is
    wrong with it. Raises `duckdb.Error` where it cannot be parsed."""
    if REMOTE.search(sql):
        return "a query over remote paths is refused; name them with `from:`"
    # By itself first: what closes a parenthesis of ours would be another query than it seems.
    statements = con.extract_statements(sql)
    if len(statements) != 1 or sql.rstrip().endswith(";"):
        return "expected one query, without a semicolon"
    return BaseRelation(f"({sql if names is None else qualified(con, sql, names)}\n)")


def read_table(con: duckdb.DuckDBPyConnection, table: str, names: Names) -> BaseRelation | str:
    """A table of the database, or what is wrong with its name."""
    parts = table.split(".")
    if not all(parts):
        return "expected a table's name: TABLE or SCHEMA.TABLE"
    return read_query(con, f"FROM {'.'.join(map(sql_identifier, parts))}", names)


def _local_files(con: duckdb.DuckDBPyConnection, pattern: str, folder: Path) -> list[str]:
    found = con.execute(
        "SELECT file FROM glob(?) ORDER BY file", [str(folder / Path(pattern).expanduser())]
    ).fetchall()
    return [file for (file,) in found]


def _format(file: str) -> str | None:
    path = Path(file.lower())
    return _FORMATS.get(Path(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix)


def _list(files: Sequence[str]) -> str:
    return f"[{', '.join(map(sql_literal, files))}]"


def _parquet(files: Sequence[str]) -> BaseRelation:
    return BaseRelation(
        f"(SELECT *, {FILE_POSITION} AS evexport_position"
        f" FROM read_parquet({_list(files)}, union_by_name = true))",
        position="evexport_position",
    )


def _json(con: duckdb.DuckDBPyConnection, files: Sequence[str], opened: Opener) -> BaseRelation:
    """JSON files, nested values as the text that stands in the file.

    DuckDB's typed reader respells numbers and unites types, so only names and scalar types are
    taken from it; a value that is not of its column's type is none.
    """
    rows = read_json_rows(con, files, opened)
    known = {name.lower() for name in rows.kinds}
    names = [*rows.kinds, *(key for key in rows.refused_keys if key and key.lower() not in known)]
    values = [
        in_folder(name) if name in rows.partitions else f"member[{n}]"
        for n, name in enumerate(names, start=1)
    ]
    columns = [
        f"TRY_CAST({value} AS {rows.kinds[name]}) AS {sql_identifier(name)}"
        if name in rows.kinds and rows.kinds[name].id in _SCALARS and name not in _TEXTS
        else f"{value} AS {sql_identifier(name)}"
        for name, value in zip(names, values, strict=True)
    ]
    keys = sql_literal(json.dumps(names))
    return BaseRelation(
        f"(SELECT {', '.join(columns)}"
        f" FROM (SELECT json_row_texts(text, {keys}) AS member, file FROM ({rows.sql})))"
    )
