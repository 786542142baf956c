"""Lakes on Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final, TypeVar

from azure.core import MatchConditions
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import ResourceModifiedError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobProperties, ContainerClient

from evexport_dagster.settings import AzureDestination, Destination, reveal
from evexport_dagster.source.clouds.base import CHANGED, PAGE, RemoteFile
from evexport_dagster.stores.azure import errors
from evexport_dagster.stores.azure.sas import MalformedSasError, Sas, hide_signatures, parsed
from evexport_dagster.stores.causes import Cause
from evexport_dagster.stores.retries import UPLOADING, persistently

_CONNECT: Final = 15
_T = TypeVar("_T")


class AzureBucket:
    """A container of the account that the connection names."""

    needs = "a SAS token with Read and List, or the role Storage Blob Data Reader"

    def __init__(
        self, bucket: str, connection: Destination | None, environ: Mapping[str, str]
    ) -> None:
        assert isinstance(connection, AzureDestination)
        self._container, self._login, self._environ = bucket, connection, environ

    def files(self, prefix: str) -> Iterator[RemoteFile]:
        # Folders of a hierarchical account are told by their metadata alone.
        pages = self._client.list_blobs(
            name_starts_with=prefix, include=["metadata"], results_per_page=PAGE
        ).by_page()
        while (page := _persistently(lambda: next(pages, None))) is not None:
            yield from (_file(it) for it in page if "hdi_isfolder" not in (it.metadata or {}))

    def read(self, file: RemoteFile, start: int, size: int) -> bytes:
        blob = self._client.get_blob_client(file.key)
        data: bytes = _persistently(
            lambda: blob.download_blob(
                start, size, etag=file.version, match_condition=MatchConditions.IfNotModified
            ).readall()
        )
        return data

    def cause_of(self, error: Exception) -> Cause | None:
        if isinstance(error, ResourceModifiedError) or errors.is_missing(error):
            return CHANGED
        sas = None if isinstance(error, MalformedSasError) else self._sas
        return errors.cause_of(error, sas, "Read or List")

    @cached_property
    def _client(self) -> ContainerClient:
        hide_signatures()
        return ContainerClient(
            self._login.account_url,
            self._container,
            credential=AzureSasCredential(self._sas.token)
            if self._sas
            else DefaultAzureCredential(),
            # Repeated here; the SDK would begin with long waits.
            retry_total=0,
            connection_timeout=_CONNECT,
            read_timeout=UPLOADING.answer,
        )

    @cached_property
    def _sas(self) -> Sas | None:
        secret = self._login.sas_token
        return None if secret is None else parsed(reveal(secret, self._environ))


def _persistently(action: Callable[[], _T]) -> _T:
    return persistently(action, errors.pause, UPLOADING)


def _file(blob: BlobProperties) -> RemoteFile:
    return RemoteFile(blob.name, blob.size, blob.etag)
