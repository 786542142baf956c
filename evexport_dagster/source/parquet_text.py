"""Parquet files whose JSON columns are read as the plain text that they hold.

DuckDB parses every text of a column of the logical type JSON, and one that is malformed fails the
query, for which there is no option. So such a file is read through a file system that shows its
footer with these columns declared as text: one byte each of the Parquet footer (Thrift's compact
protocol), no byte of the data. Statistics, projection and row numbers stay DuckDB's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from weakref import finalize

import duckdb
from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]

from evexport_dagster.source.handle import Handle, Patches, Readable
from evexport_dagster.source.thrift import Compact

_PROTOCOL: Final = "json-as-text"
_MAGIC: Final = b"PAR1"
_TRAILER: Final = 8  # the length of the footer, and the magic


def with_json_as_text(con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> list[str]:
    """The files, those with JSON columns under a path that shows these as text.

    Raises `duckdb.Error` where a file cannot be read.
    """
    found = con.execute(
        """
        SELECT DISTINCT file_name FROM parquet_schema(?::VARCHAR[])
        WHERE converted_type = 'JSON' OR logical_type LIKE 'Json%'
        """,
        [list(files)],
    ).fetchall()
    with_json = {file for (file,) in found}
    if with_json and _PROTOCOL not in con.list_filesystems():
        con.register_filesystem(_JsonAsText())
    return [f"{_PROTOCOL}://{file}" if file in with_json else file for file in files]


def text_patches(file: Readable) -> Patches:
    """The bytes of a Parquet file that, shown so, declare its JSON columns as text.

    Raises ValueError where it is no Parquet file.
    """
    end = file.size - _TRAILER
    trailer = file.read_at(max(end, 0), _TRAILER)
    start = end - int.from_bytes(trailer[:4], "little")
    if trailer[4:] != _MAGIC or start < 0:
        raise ValueError("not a Parquet file")
    footer = file.read_at(start, end - start)
    return tuple((start + at, byte) for at, byte in _declared_as_json(footer))


class _JsonAsText(AbstractFileSystem):  # type: ignore[misc]
    """Local Parquet files; each open looks at the footer, because files may be replaced."""

    protocol = _PROTOCOL
    cachable = False

    def glob(self, path: str, **_: Any) -> list[str]:
        """The path itself: the characters of a glob in it are its own."""
        return [path] if os.path.exists(self._strip_protocol(path)) else []

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """The size, for the base class."""
        return {"name": path, "type": "file", "size": os.stat(self._strip_protocol(path)).st_size}

    def modified(self, path: str) -> datetime:
        """When the file was written, which tells DuckDB's cache of files of one from another."""
        return datetime.fromtimestamp(os.stat(self._strip_protocol(path)).st_mtime, UTC)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Handle:
        file = _LocalFile(self._strip_protocol(path))
        return Handle(file, text_patches(file))


class _LocalFile:
    """A file on disk."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY)
        # DuckDB lets go of a handle without closing it.
        self._close = finalize(self, os.close, self._file)
        self.size = os.fstat(self._file).st_size

    def read_at(self, start: int, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := os.pread(self._file, size, start)):
            pieces.append(piece)
            start, size = start + len(piece), size - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        self._close()


# Where the format's Thrift definition has them.
_SCHEMA, _CHILDREN, _CONVERTED_TYPE, _LOGICAL_TYPE = 2, 5, 6, 10
_CONVERTED_JSON, _CONVERTED_TEXT = 38, 0  # 19 and 0, zigzag
_LOGICAL_JSON, _LOGICAL_TEXT = 0xCC, 0x1C  # fields 12 and 1 of the union, both structs


def _declared_as_json(footer: bytes) -> Iterator[tuple[int, int]]:
    """(offset, other byte) of each place that declares a column of the top level to be JSON."""
    thrift = Compact(footer)
    for field, kind in thrift.fields():
        if field == _SCHEMA:
            yield from _in_schema(thrift)
            return
        thrift.skip(kind)


def _in_schema(thrift: Compact) -> Iterator[tuple[int, int]]:
    """The same of a schema: a tree, each node before its children."""
    left: list[int] = []
    for _ in range(thrift.elements()[0]):
        children, places = _element(thrift)
        if len(left) == 1:
            yield from places
        if left:
            left[-1] -= 1
        left.append(children)
        while left and not left[-1]:
            left.pop()


def _element(thrift: Compact) -> tuple[int, list[tuple[int, int]]]:
    children, places = 0, []
    for field, kind in thrift.fields():
        at = thrift.at
        if field == _CHILDREN:
            children = thrift.varint() >> 1
            continue
        if field == _CONVERTED_TYPE and thrift.data[at] == _CONVERTED_JSON:
            places.append((at, _CONVERTED_TEXT))
        if field == _LOGICAL_TYPE and thrift.data[at] == _LOGICAL_JSON:
            places.append((at, _LOGICAL_TEXT))
        thrift.skip(kind)
    return children, places
