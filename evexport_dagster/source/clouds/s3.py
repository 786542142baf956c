"""Lakes on Amazon S3, or on a store that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from evexport_dagster.settings import Destination, S3Destination
from evexport_dagster.source.clouds.base import CHANGED, PAGE, RemoteFile
from evexport_dagster.stores.causes import Cause
from evexport_dagster.stores.retries import UPLOADING
from evexport_dagster.stores.s3.errors import cause_of, code_of, told
from evexport_dagster.stores.s3.session import Connection, sign_in

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OTHER_VERSION: Final = {"PreconditionFailed", "412", "NoSuchKey"}


class S3Bucket:
    """A bucket; a role is assumed again before its session ends."""

    needs = "s3:ListBucket on the bucket and s3:GetObject on its objects"

    def __init__(
        self, bucket: str, connection: Destination | None, environ: Mapping[str, str]
    ) -> None:
        self._bucket, self._environ = bucket, environ
        self._login = (
            connection
            if isinstance(connection, S3Destination)
            else S3Destination(type="s3", bucket=bucket)
        )

    def files(self, prefix: str) -> Iterator[RemoteFile]:
        after: dict[str, Any] = {}
        while True:
            page = self._page(prefix, after)
            for it in page.get("Contents", ()):
                yield RemoteFile(it["Key"], it["Size"], it["ETag"])
            if not told(page, "IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, file: RemoteFile, start: int, size: int) -> bytes:
        def get(s3: S3Client) -> bytes:
            answer = s3.get_object(
                Bucket=self._bucket,
                Key=file.key,
                Range=f"bytes={start}-{start + size - 1}",
                IfMatch=file.version,
            )
            return answer["Body"].read()

        return self._connection.ask(get)

    def cause_of(self, error: Exception) -> Cause | None:
        if isinstance(error, ClientError) and code_of(error) in _OTHER_VERSION:
            return CHANGED
        return cause_of(error)

    def _page(self, prefix: str, after: Mapping[str, Any]) -> Any:
        return self._connection.ask(
            lambda s3: s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=PAGE, **after)
        )

    @cached_property
    def _connection(self) -> Connection:
        return sign_in(self._login, self._environ).connect(UPLOADING)
