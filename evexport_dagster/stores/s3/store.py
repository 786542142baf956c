"""A bucket as a destination; s3:ListBucket and s3:PutObject are all that it needs."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evexport_dagster.errors import ExportError
from evexport_dagster.settings import S3Destination
from evexport_dagster.stores.causes import Cause
from evexport_dagster.stores.cloud import CloudStore, Verb
from evexport_dagster.stores.retries import Patience
from evexport_dagster.stores.s3 import errors
from evexport_dagster.stores.s3.session import Connection, Login, sign_in
from evexport_dagster.stores.s3.upload import PART, Place, abort, begin, send_parts, send_whole

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)
_RESTARTS: Final = 2


class S3Store(CloudStore[S3Destination]):
    """Objects of a bucket; an upload that breaks off leaves nothing to be seen."""

    has_to_remove = False

    def client(self, attempts: int) -> S3Client:
        """A client of its own with the credentials of the destination, which tries so often."""
        return self._tried(
            "open",
            self.uri(""),
            lambda: (
                sign_in(self._destination, self._environ).connect(self._patience, attempts).client
            ),
        )

    def probe(self) -> None:
        """List, write and remove; where removing is not allowed the small object stays."""
        self._tried("list", self.uri(self.prefix), self._list)
        super().probe()

    def uri(self, key: str) -> str:
        return f"s3://{self._destination.bucket}/{key}"

    def _place(self) -> str:
        endpoint = self._destination.endpoint
        where = "aws" if endpoint is None else endpoint.rstrip("/")
        return f"{where}/{self._destination.bucket}"

    def _cause_of(self, error: Exception, verb: Verb) -> Cause | None:
        return errors.cause_of(error)

    def _list(self) -> None:
        bucket, prefix = self._destination.bucket, self.prefix
        self._connection(self._hurry).ask(
            lambda s3: s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        )

    def _put(self, key: str, path: Path) -> None:
        size, place = path.stat().st_size, self._object(key)
        store = self._connection(self._patience)
        if size <= PART:
            send_whole(store, place, path, size)
            return
        for restart in range(_RESTARTS + 1):
            upload = begin(store, place)
            try:
                send_parts(store, place, upload, path, size)
                return
            except BaseException as error:
                self._abort(place, upload)
                # Completed with an answer that was lost, or cleared away by a rule of the bucket.
                if not errors.is_lost(error) or restart == _RESTARTS:
                    raise

    def _put_bytes(self, key: str, data: bytes, patience: Patience) -> None:
        it = self._object(key)
        self._connection(patience).ask(
            lambda s3: s3.put_object(Bucket=it.bucket, Key=key, Body=data, **it.encryption)
        )

    def _delete(self, key: str, patience: Patience) -> None:
        bucket = self._destination.bucket
        self._connection(patience).ask(lambda s3: s3.delete_object(Bucket=bucket, Key=key))

    def _object(self, key: str) -> Place:
        kms = self._destination.kms_key_id
        sse = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms} if kms else {}
        return Place(self._destination.bucket, key, sse)

    def _abort(self, place: Place, upload: str) -> None:
        """Free what an upload has stored, where that is allowed; it can never be seen anyway."""
        try:
            self._tried(
                "abort",
                f"the upload of {self.uri(place.key)}",
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
            if patience not in self._connections:
                self._connections[patience] = self._login.connect(patience)
            return self._connections[patience]

    @cached_property
    def _login(self) -> Login:
        return sign_in(self._destination, self._environ)

    @cached_property
    def _connections(self) -> dict[Patience, Connection]:
        return {}
