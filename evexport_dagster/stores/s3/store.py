"""A bucket as a destination; s3:ListBucket and s3:PutObject are all that it needs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from evexport_dagster.errors import AccessError, ExportError
from evexport_dagster.settings import S3Destination
from evexport_dagster.stores.retries import AT_ONCE, IN_A_HURRY, UPLOADING, Patience
from evexport_dagster.stores.s3.errors import VENDOR_ERRORS, explain
from evexport_dagster.stores.s3.session import Connection, Login, sign_in
from evexport_dagster.stores.s3.upload import PART, Place, abort, begin, send_parts, send_whole

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_PROBE = ".evexport-probe"


class S3Store:
    """Objects of a bucket; safe to share between threads."""

    at_once = AT_ONCE

    def __init__(
        self,
        name: str,
        destination: S3Destination,
        environ: Mapping[str, str] = os.environ,
        patience: Patience = UPLOADING,
        hurry: Patience = IN_A_HURRY,
    ) -> None:
        self.name = name
        self.bucket = destination.bucket
        self.prefix = f"{destination.prefix}/" if destination.prefix else ""
        self.fingerprint = f"s3:{_place(destination.endpoint)}/{self.bucket}"
        self._destination = destination
        self._environ = environ
        self._patience, self._hurry = patience, hurry
        self._connections: dict[Patience, Connection] = {}
        self._login: Login | None = None
        self._lock = Lock()

    def put(self, key: str, path: Path) -> None:
        """Parts are a few at a time; an upload that breaks off leaves nothing to be seen."""
        tried, place = f"write {self.uri(key)}", self._place_of(key)
        size = self._tried(tried, lambda: path.stat().st_size)
        store = self._tried(tried, lambda: self._connection(self._patience))
        if size <= PART:
            self._tried(tried, lambda: send_whole(store, place, path, size))
            return
        upload = self._tried(tried, lambda: begin(store, place))
        try:
            self._tried(tried, lambda: send_parts(store, place, upload, path, size))
        except BaseException:
            self._abort(place, upload)
            raise

    def delete(self, key: str) -> None:
        """Raises AccessError where s3:DeleteObject is not allowed."""
        self._tried(
            f"remove {self.uri(key)}",
            lambda: self._connection(self._patience).ask(
                lambda s3: s3.delete_object(Bucket=self.bucket, Key=key)
            ),
        )

    def client(self, attempts: int) -> S3Client:
        """A client of its own with the credentials of the destination, which tries so often."""
        return self._tried(
            f"open {self.uri('')}",
            lambda: (
                sign_in(self._destination, self._environ).connect(self._patience, attempts).client
            ),
        )

    def probe(self) -> None:
        """List, then write; where deleting is not allowed the small object stays, and is told."""
        key = f"{self.prefix}{_PROBE}"
        place = self._place_of(key)
        store = self._tried(f"open {self.uri('')}", lambda: self._connection(self._hurry))
        self._tried(
            f"list {self.uri(self.prefix)}",
            lambda: store.ask(
                lambda s3: s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)
            ),
        )
        self._tried(
            f"write {self.uri(key)}",
            lambda: store.ask(
                lambda s3: s3.put_object(
                    Bucket=self.bucket, Key=key, Body=b"evexport", **place.encryption
                )
            ),
        )
        try:
            self._tried(
                f"remove {self.uri(key)}",
                lambda: store.ask(lambda s3: s3.delete_object(Bucket=self.bucket, Key=key)),
            )
        except AccessError as error:
            _log.warning("%s; this one stays", error)

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def _place_of(self, key: str) -> Place:
        kms = self._destination.kms_key_id
        sse = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms} if kms else {}
        return Place(self.bucket, key, sse)

    def _abort(self, place: Place, upload: str) -> None:
        """Free what an upload has stored, where that is allowed; it can never be seen anyway."""
        try:
            self._tried(
                f"abort the upload of {self.uri(place.key)}",
                lambda: abort(self._connection(self._hurry), place, upload),
            )
        except ExportError as error:
            _log.warning(
                "%s; its parts cost storage: have a lifecycle rule of the bucket"
                " (AbortIncompleteMultipartUpload) remove them",
                error,
            )

    def _connection(self, patience: Patience) -> Connection:
        with self._lock:
            if self._login is None:
                self._login = sign_in(self._destination, self._environ)
            if patience not in self._connections:
                self._connections[patience] = self._login.connect(patience)
            return self._connections[patience]

    def _tried(self, what: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except VENDOR_ERRORS as error:
            explained = explain(error, self.name, what)
        # Outside of the clause: the answer of S3, which holds a signature, is no part of it.
        raise explained from None


def _place(endpoint: str | None) -> str:
    return "aws" if endpoint is None else endpoint.rstrip("/")
