"""Files of a lake in a cloud, as a file system beneath DuckDB.

They are listed once, and read in the versions that were listed: every scan of a run sees the
same rows, or fails. Which bytes are read is DuckDB's choice (columns, row groups, partitions);
it asks for up to 2 MiB at once, several at a time, and keeps them in memory.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any, BinaryIO, Final, TypeVar
from zlib import crc32

import duckdb
from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]

from evexport_dagster.errors import ExportError, SourceError, UnavailableError
from evexport_dagster.settings import Destination
from evexport_dagster.source.clouds import Bucket, RemoteFile, open_bucket
from evexport_dagster.source.handle import Handle, Patches
from evexport_dagster.source.parquet_text import text_patches
from evexport_dagster.spec.model_sources import CLOUDS, cloud_of

_TAIL: Final = 256 << 10
"""The end of a Parquet file, which is read first: nearly every footer is smaller."""

_TAILS: Final = 64
_AHEAD: Final = 2 << 20
_GLOB: Final = re.compile(r"[*?\[]")
_RAISED: Final = re.compile(
    r"\A(?:[\w ]+: )?Traceback .*^[\w.]*(SourceError|UnavailableError): (.*?)$",
    re.DOTALL | re.MULTILINE,
)
_T = TypeVar("_T")


class RemoteFiles(AbstractFileSystem):  # type: ignore[misc]
    """The files of one lake; DuckDB asks for them by the paths that `find_files` gave."""

    protocol = tuple(CLOUDS)
    cachable = False

    def __init__(
        self, source: str, connection: Destination | None, environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__()
        self._source = source
        self._files: dict[str, tuple[Bucket, RemoteFile]] = {}
        self._bucket = cache(lambda cloud, name: open_bucket(cloud, name, connection, environ))
        self._patches = cache(self._read_patches)
        self._tail = lru_cache(_TAILS)(self._read_tail)

    def register(self, con: duckdb.DuckDBPyConnection) -> None:
        """Have all connections to the same DuckDB instance see these files, and no others."""
        for scheme in set(self.protocol) & set(con.list_filesystems()):
            con.unregister_filesystem(scheme)
        con.register_filesystem(self)

    def find_files(self, pattern: str) -> list[str]:
        """The paths that fit a path or glob, in order.

        Raises SourceError and UnavailableError: the bucket cannot be listed.
        """
        scheme, _, rest = pattern.partition("://")
        name, _, keys = rest.partition("/")
        cloud = cloud_of(pattern)
        assert cloud is not None
        bucket = self._bucket(cloud, name)
        prefix = _GLOB.split(keys, maxsplit=1)[0]
        listed = self._tried(
            bucket, f"list {scheme}://{name}/{prefix}", lambda: list(bucket.files(prefix))
        )
        found = {f"{scheme}://{name}/{it.key}": it for it in listed if fits(it.key, keys)}
        self._files |= {path: (bucket, file) for path, file in found.items()}
        return sorted(found)

    def open_lines(self, path: str) -> BinaryIO:
        """A file that `find_files` found, to be read from its start on."""
        return io.BufferedReader(_Stream(self.open_file(path)), _AHEAD)

    def open_file(self, path: str) -> RemoteBytes:
        """A file that `find_files` found."""
        bucket, file = self._files[path]

        def read(start: int, size: int) -> bytes:
            what = f"read {path}"
            data = self._tried(bucket, what, lambda: bucket.read(file, start, size))
            if len(data) != size:
                # A store that knows no ranges would send all of it.
                raise UnavailableError(
                    self._said(what, f"{size} bytes were asked for, and {len(data)} came")
                )
            return data

        return RemoteBytes(file.size, read)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The path itself: the characters of a glob in it are its own."""
        return [path] if path in self._files else []

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """The size, for the base class."""
        return {"name": path, "type": "file", "size": self._files[path][1].size}

    def modified(self, path: str) -> datetime:
        """A time long ago, another one for each version: DuckDB keeps bytes in memory by it, but
        not those of a file that seems to be ten seconds old, as if that could still change."""
        version = self._files[path][1].version
        return datetime.fromtimestamp(crc32(version.encode()) >> 2, UTC)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Handle:
        file = self.open_file(path)
        if not path.lower().endswith(".parquet"):
            return Handle(file)
        return Handle(_WithTail(file, path, self._tail), self._patches(path))

    def _read_patches(self, path: str) -> Patches:
        try:
            return text_patches(_WithTail(self.open_file(path), path, self._tail))
        except ValueError as error:
            raise SourceError(self._said(f"read {path}", str(error))) from None

    def _read_tail(self, path: str) -> bytes:
        file = self.open_file(path)
        start = max(file.size - _TAIL, 0)
        return file.read_at(start, file.size - start)

    def _tried(self, bucket: Bucket, what: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except Exception as error:
            cause = bucket.cause_of(error)
            if cause is None:
                raise
        # Outside of the handler: what SDKs raise can hold keys and signatures.
        if cause.passes:
            raise UnavailableError(self._said(what, f"{cause.what}; the run is tried again"))
        raise SourceError(
            self._said(
                what,
                f"{cause.what}; correct the path or the credentials: reading takes {bucket.needs}",
            )
        )

    def _said(self, what: str, why: str) -> str:
        return f"source {self._source!r} could not {what}: {why}"


class RemoteBytes:
    """The bytes of one version of an object."""

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        self.size, self._read = size, read

    def read_at(self, start: int, size: int) -> bytes:
        """At most `size` bytes, less only at the end."""
        size = min(size, self.size - start)
        return self._read(start, size) if size > 0 else b""

    def close(self) -> None:
        """Nothing is open."""


class _Stream(io.RawIOBase):
    """The bytes of an object, one after the other."""

    def __init__(self, file: RemoteBytes) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read_at(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class _WithTail:
    """A file whose last bytes are at hand."""

    def __init__(self, file: RemoteBytes, path: str, tail: Callable[[str], bytes]) -> None:
        self.size, self._file, self._path, self._tail = file.size, file, path, tail

    def read_at(self, start: int, size: int) -> bytes:
        first = max(self.size - _TAIL, 0)
        if start < first:
            return self._file.read_at(start, size)
        return self._tail(self._path)[start - first : start - first + size]

    def close(self) -> None:
        self._file.close()


def fits(key: str, pattern: str) -> bool:
    """Whether a key is what a glob stands for: `**` for any folders, the rest as in a shell."""
    return _segments_fit(key.split("/"), pattern.split("/"))


def raised_beneath(error: duckdb.Error | OSError) -> ExportError | None:
    """What this file system raised while DuckDB read, which hands on no more than its text."""
    raised = _RAISED.search(str(error))
    if raised is None:
        return None
    kinds = {kind.__name__: kind for kind in (SourceError, UnavailableError)}
    return kinds[raised[1]](raised[2])


def _segments_fit(segments: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not segments
    first, *others = patterns
    if first == "**":
        return any(_segments_fit(segments[n:], others) for n in range(len(segments) + 1))
    return (
        bool(segments) and fnmatchcase(segments[0], first) and _segments_fit(segments[1:], others)
    )
