"""Lakes on Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final, TypeVar

from google.api_core import exceptions as api
from google.cloud import storage

from evexport_dagster.errors import AccessError
from evexport_dagster.settings import Destination, GcsDestination
from evexport_dagster.source.clouds.base import CHANGED, PAGE, RemoteFile
from evexport_dagster.stores.causes import Cause
from evexport_dagster.stores.gcs import GcsStore, errors
from evexport_dagster.stores.retries import UPLOADING, persistently

_FIELDS: Final = "items(name,size,generation),nextPageToken"
_T = TypeVar("_T")


class GcsBucket:
    """A bucket."""

    needs = "storage.objects.list and storage.objects.get on the bucket"

    def __init__(
        self, bucket: str, connection: Destination | None, environ: Mapping[str, str]
    ) -> None:
        self._environ = environ
        endpoint = connection.endpoint if isinstance(connection, GcsDestination) else None
        account = connection.service_account if isinstance(connection, GcsDestination) else None
        self._login = GcsDestination(
            type="gcs", bucket=bucket, endpoint=endpoint, service_account=account
        )

    def files(self, prefix: str) -> Iterator[RemoteFile]:
        token: str | None = None
        while True:
            blobs, token = self._page(prefix, token)
            for it in blobs:
                yield RemoteFile(it.name, it.size, str(it.generation))
            if token is None:
                return

    def read(self, file: RemoteFile, start: int, size: int) -> bytes:
        blob = self._bucket.blob(file.key, generation=int(file.version))
        data: bytes = _persistently(
            lambda: blob.download_as_bytes(
                start=start,
                end=start + size - 1,
                raw_download=True,
                checksum=None,
                timeout=UPLOADING.answer,
                retry=None,
            )
        )
        return data

    def cause_of(self, error: Exception) -> Cause | None:
        if isinstance(error, AccessError):
            # Ours already: a key that cannot be read.
            return Cause(str(error).partition(": ")[2], passes=False)
        if isinstance(error, api.NotFound) and "/o/" in (error.response.url or ""):
            return CHANGED
        return errors.cause_of(error)

    def _page(self, prefix: str, token: str | None) -> tuple[list[storage.Blob], str | None]:
        def ask() -> tuple[list[storage.Blob], str | None]:
            # A new one each time: after an error, an iterator of Google's ends as if it were done.
            found = self._bucket.list_blobs(
                prefix=prefix,
                page_token=token,
                max_results=PAGE,
                fields=_FIELDS,
                timeout=UPLOADING.answer,
                retry=None,
            )
            return list(next(found.pages)), found.next_page_token

        return _persistently(ask)

    @cached_property
    def _bucket(self) -> storage.Bucket:
        client = GcsStore("", self._login, self._environ).client()
        # The SDK would look the bucket up in the background, which needs one more permission.
        client._bucket_metadata_cache = None
        return client.bucket(self._login.bucket)


def _persistently(action: Callable[[], _T]) -> _T:
    return persistently(action, errors.pause, UPLOADING)
