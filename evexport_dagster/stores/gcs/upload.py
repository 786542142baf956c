"""A file in chunks over a resumable session; the object appears with the last one.

https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import google_crc32c
import requests
from google.api_core import exceptions as api
from google.auth.transport.requests import AuthorizedSession

from evexport_dagster.stores.gcs.errors import (
    LOST,
    CorruptedError,
    RestartError,
    StalledError,
    cause_of,
    is_corruption,
    pause,
)
from evexport_dagster.stores.retries import Patience, persistently

CHUNK: Final = 16 << 20
"""Bytes between two answers of the store; a multiple of 256 KiB."""

_PIECE: Final = 256 << 10
_CONNECT: Final = 15
_DONE, _GO_ON = (200, 201), 308
_GONE = (404, 410)


def checksum(path: Path) -> str:
    """The CRC32C of a file, as the store writes it."""
    with path.open("rb") as file:
        return checksum_of(iter(partial(file.read, _PIECE), b""))


def checksum_of(pieces: Iterable[bytes]) -> str:
    """The CRC32C of bytes, as the store writes it."""
    crc = google_crc32c.Checksum()
    for piece in pieces:
        crc.update(piece)
    return base64.b64encode(crc.digest()).decode()


@dataclass
class Chunk:
    """Bytes [start, end) of a file, read while they are sent, anew for each time."""

    file: BinaryIO
    start: int
    end: int
    is_sent: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return self.end - self.start

    def __iter__(self) -> Iterator[bytes]:
        self.is_sent = False
        for offset in range(self.start, self.end, _PIECE):
            yield os.pread(self.file.fileno(), min(_PIECE, self.end - offset), offset)
        self.is_sent = True


@dataclass(frozen=True)
class Session:
    """An upload that was begun: `url` alone allows to write to it, so it is a secret."""

    transport: AuthorizedSession
    url: str = field(repr=False)
    ignores_repeated_bytes: bool
    """Whether the store drops what it has already when it is sent once more."""

    def send(self, file: BinaryIO, size: int, patience: Patience) -> Any:
        """The store's description of the new object; raises what the SDK and requests raise.

        Raises RestartError where the store no longer has the session or may hold bytes twice, and
        CorruptedError where what arrived is something else.
        """
        start = 0
        while True:
            chunk = Chunk(file, start, min(start + CHUNK, size))
            answer = persistently(partial(self._put, chunk, size, patience), pause, patience)
            if not isinstance(answer, int):
                return answer
            start = answer

    def _put(self, chunk: Chunk, size: int, patience: Patience) -> Any:
        """Where the next chunk begins, or what the store says of the new object."""
        ranges = {"Content-Range": f"bytes {chunk.start}-{chunk.end - 1}/{size}"}
        try:
            answer = self.transport.put(
                self.url, data=chunk, headers=ranges, timeout=(_CONNECT, patience.answer)
            )
        except Exception as error:
            cause = cause_of(error)
            if cause is not None and chunk.is_sent and not self.ignores_repeated_bytes:
                raise RestartError(cause) from None
            raise
        if answer.status_code in _GONE:
            raise RestartError(LOST)
        if answer.status_code == _GO_ON:
            return _kept(answer, chunk, size)
        if answer.status_code in _DONE and chunk.end == size:
            return answer.json()
        if answer.status_code < 400:
            raise RestartError(LOST)
        refusal = api.from_http_response(answer)
        raise CorruptedError if is_corruption(refusal) else refusal


def _kept(answer: requests.Response, chunk: Chunk, size: int) -> int:
    """How many bytes of the file the store has: it may keep less than it was sent."""
    told = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("Range", ""))
    kept = int(told[1]) + 1 if told else chunk.end
    if kept == chunk.start:
        raise StalledError
    if not chunk.start < kept <= chunk.end or kept == size:
        raise RestartError(LOST)
    return kept
