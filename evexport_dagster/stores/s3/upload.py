"""One file into one object of S3: whole, or not at all, and what arrived is what was sent."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from s3transfer.utils import ReadFileChunk

from evexport_dagster.stores.s3.errors import DamagedError, told
from evexport_dagster.stores.s3.session import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_MEBI: Final = 1 << 20
PART: Final = 16 * _MEBI
"""Files up to this size are sent at once, others in parts of at least this size."""

MOST_PARTS: Final = 10_000
IN_FLIGHT: Final = 4
# Several times as quick as SHA-256, which would cost as much as compressing the file did.
_ALGORITHM: Final = "CRC32"


@dataclass(frozen=True)
class Place:
    """An object, and how it is encrypted."""

    bucket: str
    key: str
    encryption: Mapping[str, Any]


def part_size(size: int) -> int:
    """The bytes of each part of a file: whole MiB, so that no file needs more than 10,000 parts."""
    return max(PART, -(-size // (MOST_PARTS * _MEBI)) * _MEBI)


def send_whole(store: Connection, place: Place, path: Path, size: int) -> None:
    """Put a file in one request."""
    crc = _crc(path, 0, size)

    def send(s3: S3Client) -> None:
        with _piece(path, 0, size) as body:
            answer = s3.put_object(
                Bucket=place.bucket,
                Key=place.key,
                Body=body,
                **place.encryption,
                **_checksum(crc),
            )
        _check(answer, crc, path, 0, size)

    store.ask(send)


def begin(store: Connection, place: Place) -> str:
    """The id of a new upload in parts; nothing is visible of it until it is completed."""
    answer = store.ask(
        lambda s3: s3.create_multipart_upload(
            Bucket=place.bucket,
            Key=place.key,
            ChecksumAlgorithm=_ALGORITHM,
            **place.encryption,
        )
    )
    upload: str = told(answer, "UploadId")
    return upload


def send_parts(store: Connection, place: Place, upload: str, path: Path, size: int) -> None:
    """Send a file in parts, a few at a time, and make the object of them."""
    each = part_size(size)

    def send(number: int) -> tuple[CompletedPartTypeDef, bytes]:
        start = (number - 1) * each
        return _send_part(store, place, upload, number, path, start, min(each, size - start))

    with ThreadPoolExecutor(IN_FLIGHT, "s3-part") as pool:
        sent = list(pool.map(send, range(1, -(-size // each) + 1)))

    def complete(s3: S3Client) -> Any:
        answer = s3.complete_multipart_upload(
            Bucket=place.bucket,
            Key=place.key,
            UploadId=upload,
            MultipartUpload={"Parts": [part for part, _ in sent]},
        )
        # An answer is no proof: the status is sent before the store knows how it ends.
        told(answer, "ETag")
        return answer

    answer = store.ask(complete)
    # Of an object in parts, the store tells the checksum of its parts' checksums.
    of_parts = zlib.crc32(b"".join(crc for _, crc in sent)).to_bytes(4, "big")
    checksum = answer.get("ChecksumCRC32", "").split("-")[0]
    if checksum and checksum != _text(of_parts):
        raise DamagedError


def abort(store: Connection, place: Place, upload: str) -> None:
    """Free what the parts of an upload take; one that is completed or forgotten takes nothing."""

    def free(s3: S3Client) -> None:
        try:
            s3.abort_multipart_upload(Bucket=place.bucket, Key=place.key, UploadId=upload)
        except s3.exceptions.NoSuchUpload:
            return

    store.ask(free)


def _send_part(
    store: Connection,
    place: Place,
    upload: str,
    number: int,
    path: Path,
    start: int,
    length: int,
) -> tuple[CompletedPartTypeDef, bytes]:
    crc = _crc(path, start, length)

    def send(s3: S3Client) -> CompletedPartTypeDef:
        with _piece(path, start, length) as body:
            answer = s3.upload_part(
                Bucket=place.bucket,
                Key=place.key,
                UploadId=upload,
                PartNumber=number,
                Body=body,
                **_checksum(crc),
            )
        _check(answer, crc, path, start, length)
        part: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
        if "ChecksumCRC32" in answer:
            part["ChecksumCRC32"] = answer["ChecksumCRC32"]
        return part

    return store.ask(send), crc


def _check(answer: Any, crc: bytes, path: Path, start: int, length: int) -> None:
    """Raise where the store's answer names other bytes than those of the file, or none.

    A store that knows no checksums tells an MD5 as its tag, but not of what it encrypts. What
    gives no tag is no store: a proxy may answer 200 to everything.
    """
    checksum, tag = answer.get("ChecksumCRC32"), answer.get("ETag", "").strip('"')
    if checksum is not None:
        damaged = checksum != _text(crc)
    elif len(tag) == 32 and "ServerSideEncryption" not in answer:
        damaged = tag != _md5(path, start, length)
    else:
        damaged = not tag
    if damaged:
        raise DamagedError


def _checksum(crc: bytes) -> dict[str, Any]:
    return {"ChecksumAlgorithm": _ALGORITHM, "ChecksumCRC32": _text(crc)}


def _piece(path: Path, start: int, length: int) -> Any:
    """A part of a file as a stream that can be sent again, and is never held in memory."""
    return ReadFileChunk.from_filename(str(path), start, length)


def _crc(path: Path, start: int, length: int) -> bytes:
    crc = 0
    for block in _blocks(path, start, length):
        crc = zlib.crc32(block, crc)
    return crc.to_bytes(4, "big")


def _md5(path: Path, start: int, length: int) -> str:
    hashed = hashlib.md5(usedforsecurity=False)
    for block in _blocks(path, start, length):
        hashed.update(block)
    return hashed.hexdigest()


def _blocks(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while length and (block := file.read(min(length, _MEBI))):
            yield block
            length -= len(block)


def _text(crc: bytes) -> str:
    return b64encode(crc).decode()
