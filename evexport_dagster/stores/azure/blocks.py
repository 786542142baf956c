"""A file in blocks, a few at a time; the blob appears when their list is committed.

https://learn.microsoft.com/en-us/rest/api/storageservices/put-block-list
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from evexport_dagster.stores.azure.errors import confirmed

AT_ONCE: Final = 4
SMALLEST: Final = 8 << 20
MOST_BLOCKS: Final = 50_000
_STEP: Final = 1 << 20


@dataclass(frozen=True)
class Block:
    """Bytes [start, end) of a file under a name of their own."""

    id: str
    start: int
    end: int


class BlockReader(io.RawIOBase):
    """A block as a stream that is read while it is sent, and once more when it is repeated."""

    def __init__(self, file: BinaryIO, block: Block) -> None:
        self._file, self._block, self._position = file, block, 0

    def __len__(self) -> int:
        return self._block.end - self._block.start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self)}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), len(self) - self._position)
        start = self._block.start + self._position
        read = os.preadv(self._file.fileno(), [memoryview(buffer)[:size]], start)
        self._position += read
        return read


def cut(size: int) -> list[Block]:
    """The blocks of a file of `size` bytes: never more than the store takes.

    Their names are new each time: two uploads of one blob cannot mix.
    """
    needed = -(-size // MOST_BLOCKS)
    length = max(SMALLEST, -(-needed // _STEP) * _STEP)
    upload = uuid4().hex
    return [
        Block(f"{upload}-{number:05}", start, min(start + length, size))
        for number, start in enumerate(range(0, size, length))
    ]


def upload(blob: BlobClient, path: Path, ask: Callable[[Callable[[], object]], object]) -> None:
    """Make a file the blob; each request goes through `ask`, which repeats it.

    The store checks the MD5 of each block, and keeps that of the whole file beside the blob.
    """
    blocks = cut(path.stat().st_size)
    with path.open("rb") as file, ThreadPoolExecutor(AT_ONCE) as pool:

        def stage(block: Block) -> None:
            ask(
                lambda: blob.stage_block(
                    block.id,
                    BlockReader(file, block),
                    length=block.end - block.start,
                    validate_content="md5",
                )
            )

        staged = [pool.submit(stage, block) for block in blocks]
        try:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
            for it in staged:
                it.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    settings = ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5))
    listed = [BlobBlock(block.id) for block in blocks]
    ask(lambda: confirmed(blob.commit_block_list(listed, content_settings=settings)))
