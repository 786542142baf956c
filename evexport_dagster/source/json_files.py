"""The rows of JSON files as text, among them the lines that DuckDB's reader refuses.

It refuses what strict JSON forbids (a lone surrogate, bytes that are not UTF-8, half an object)
and then, told to go on, gives NULL for the line. So the lines that it refuses are read here, as
text, into a table beside the files: no row is lost, and none of them fails the others.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, Final

import duckdb
import pyarrow as pa
from duckdb import sqltypes

from evexport_dagster.source.json_rows import flat, is_closed, row_keys
from evexport_dagster.text import sql_literal

_TABLE: Final = "source_refused_lines"
_COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd"}
_BLANKS: Final = b" \t\r\n"
_BATCH: Final = 1000
_SAMPLE: Final = 20_480  # as many rows as DuckDB takes
_LINES: Final = ", format = 'newline_delimited', ignore_errors = true"
_TOO_DEEP: Final = "maximum recursion depth"
_BOM: Final = "\ufeff"
_FOLDER: Final = re.compile(r"(?<=/)(\w+)=[^/]*(?=/)")

Opener = Callable[[str], BinaryIO]
"""How the bytes of a file are come by."""


@dataclass(frozen=True)
class JsonRows:
    """The rows of JSON files: SQL that gives the `text` and the `file` of each, the names and
    DuckDB types of their members, the names that lines have which DuckDB refuses, and those whose
    values are in the folders of all files (`name=value/`)."""

    sql: str
    kinds: Mapping[str, Any]
    refused_keys: tuple[str, ...]
    partitions: frozenset[str] = frozenset()


def open_local(file: str) -> BinaryIO:
    """A file on disk."""
    return Path(file).open("rb")


def read_json_rows(
    con: duckdb.DuckDBPyConnection, files: Sequence[str], opened: Opener = open_local
) -> JsonRows:
    """The rows of files of lines, in the order of the files, then those of other files; the
    refused lines of a file follow its others.

    Raises `duckdb.Error` where a file cannot be read.
    """
    of_lines = [file for file in files if is_of_lines(file, opened)]
    documents = [file for file in files if file not in of_lines]
    selects, keys = _of_lines(con, of_lines, opened) if of_lines else ([], {})
    if documents:
        rows = f"read_json_objects({_list(documents)}, filename = true)"
        selects.append(f"SELECT CAST(json AS VARCHAR) AS text, filename AS file FROM {rows}")
    sql = " UNION ALL ".join(selects)
    kinds = _kinds(con, sql, of_lines, documents)
    partitions = frozenset.intersection(*(frozenset(_FOLDER.findall(file)) for file in files))
    return JsonRows(sql, kinds, tuple(keys), partitions & kinds.keys())


def in_folder(name: str) -> str:
    """SQL for the value that the folders of `file` have of a name, as DuckDB writes it there."""
    value = f"regexp_extract(file, {sql_literal(f'/{name}=([^/]*)/')}, 1)"
    return f"url_decode(nullif({value}, '__HIVE_DEFAULT_PARTITION__'))"


def _of_lines(
    con: duckdb.DuckDBPyConnection, files: Sequence[str], opened: Opener
) -> tuple[list[str], dict[str, None]]:
    """The SELECTs of files of lines, and the names of members of refused lines."""
    refused = con.execute(
        f"SELECT filename FROM {_reader(files)} WHERE json IS NULL GROUP BY filename"
    ).fetchall()
    if not refused:
        return [_accepted(files)], {}
    con.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} (file VARCHAR, line VARCHAR)")
    keys: dict[str, None] = {}
    selects = []
    for file in files:
        selects.append(_accepted([file]))
        if (file,) in refused:
            keys |= _keep_refused(con, file, opened)
            selects.append(f"SELECT line, file FROM {_TABLE} WHERE file = {sql_literal(file)}")
    return selects, keys


def _kinds(
    con: duckdb.DuckDBPyConnection, sql: str, of_lines: Sequence[str], documents: Sequence[str]
) -> Mapping[str, Any]:
    """The members of the rows as DuckDB detects them, or, where rows are nested too deep for it,
    as it detects them without what is nested."""
    typed = [f"SELECT * FROM {_typed(of_lines, _LINES)}"] if of_lines else []
    typed += [f"SELECT * FROM {_typed(documents)}"] if documents else []
    try:
        return _described(con, " UNION ALL BY NAME ".join(typed))
    except duckdb.InvalidInputException as error:
        if _TOO_DEEP not in str(error):
            raise
    texts = con.execute(f"SELECT text FROM ({sql}) LIMIT {_SAMPLE}").fetchall()
    keys = dict.fromkeys(key for (text,) in texts for key in row_keys(text))
    with NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as sample:
        sample.writelines(flat(text).replace("\n", " ") + "\n" for (text,) in texts)
        sample.flush()
        scalars = _described(con, f"SELECT * FROM {_typed([sample.name], _LINES)}")
    return {key: scalars.get(key, sqltypes.VARCHAR) for key in keys}


def _described(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    described = con.sql(f"{sql} LIMIT 0")
    return dict(zip(described.columns, described.types, strict=True))


def is_of_lines(file: str, opened: Opener = open_local) -> bool:
    """Whether a file has a row a line, as its name tells, or its first two lines."""
    if ".json" not in (suffix.lower() for suffix in Path(file).suffixes[-2:]):
        return True
    with _unpacked(file, opened) as stream:
        rows = _rows(stream)
        first, second = next(rows, "{}"), next(rows, "{")
    return not first.startswith("[") and (is_closed(first) or second.startswith("{"))


def _list(files: Sequence[str]) -> str:
    return f"[{', '.join(map(sql_literal, files))}]"


def _typed(files: Sequence[str], options: str = "") -> str:
    return f"read_json({_list(files)}, union_by_name = true{options})"


def _reader(files: Sequence[str]) -> str:
    return f"read_json_objects({_list(files)}, filename = true{_LINES})"


def _accepted(files: Sequence[str]) -> str:
    row = "CAST(json AS VARCHAR) AS text, filename AS file"
    return f"SELECT {row} FROM {_reader(files)} WHERE json IS NOT NULL"


def _keep_refused(con: duckdb.DuckDBPyConnection, file: str, opened: Opener) -> dict[str, None]:
    """Put the refused lines of a file into the table; the names of their members."""
    # Rows are counted as they come, so they have to come in order.
    con.execute("SET preserve_insertion_order = true")
    numbered = con.execute(
        f"""
        SELECT number FROM (
            SELECT row_number() OVER () - 1 AS number, json FROM {_reader([file])}
        ) WHERE json IS NULL ORDER BY number
        """
    ).fetchall()
    con.execute(f"DELETE FROM {_TABLE} WHERE file = ?", [file])
    keys: dict[str, None] = {}
    for lines in _batches(file, opened, {number for (number,) in numbered}):
        con.execute(
            f"INSERT INTO {_TABLE} SELECT $file, unnest($lines::VARCHAR[])",
            {"file": file, "lines": lines},
        )
        keys |= dict.fromkeys(key for line in lines for key in row_keys(line))
    return keys


def _batches(file: str, opened: Opener, numbers: set[int]) -> Iterator[list[str]]:
    """The lines of these numbers, in batches; blank lines have none."""
    with _unpacked(file, opened) as stream:
        wanted = (line for number, line in enumerate(_rows(stream)) if number in numbers)
        while batch := list(islice(wanted, _BATCH)):
            yield batch


@contextmanager
def _unpacked(file: str, opened: Opener) -> Iterator[io.BufferedReader]:
    compression = _COMPRESSIONS.get(Path(file.lower()).suffix)
    with opened(file) as packed, pa.input_stream(packed, compression=compression) as stream:
        yield io.BufferedReader(stream)


def _rows(stream: io.BufferedReader) -> Iterator[str]:
    for line in stream:
        if line.strip(_BLANKS):
            yield line.decode(errors="replace").strip().removeprefix(_BOM)
