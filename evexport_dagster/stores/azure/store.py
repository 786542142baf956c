"""A container of Azure Blob Storage as a destination."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from azure.core.credentials import AzureSasCredential
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, ContainerClient, ContentSettings

from evexport_dagster.settings import AzureDestination, reveal
from evexport_dagster.stores.azure import blocks, errors, sas
from evexport_dagster.stores.causes import Cause
from evexport_dagster.stores.cloud import CloudStore, Verb
from evexport_dagster.stores.retries import Patience, persistently

_IN_ONE_REQUEST: Final = 1 << 20
_CONNECT: Final = 15
_NEEDED: Final[Mapping[Verb, str]] = {"write": "Write", "remove": "Delete"}
"""The permission of a SAS for each verb, by name."""


class AzureStore(CloudStore[AzureDestination]):
    """Blobs of a container; one appears when its last block is there and the list is committed.

    Needs a SAS with Read and Write; with Delete as well, blobs that became stale are removed.
    """

    has_to_remove = False

    def client(self) -> BlobServiceClient:
        """A client of its own with the credentials of the destination."""
        return self._tried(
            "open",
            self._destination.account_url,
            lambda: BlobServiceClient(self._destination.account_url, credential=self._credential),
        )

    def uri(self, key: str) -> str:
        return f"{self._destination.account_url}/{self._destination.container}/{quote(key)}"

    def _place(self) -> str:
        place = urlsplit(self._destination.account_url)
        return f"{place.netloc.lower()}{place.path}/{self._destination.container}"

    def _cause_of(self, error: Exception, verb: Verb) -> Cause | None:
        return errors.cause_of(error, self._known_sas(), _NEEDED.get(verb, "Read"))

    def _put(self, key: str, path: Path) -> None:
        if path.stat().st_size <= _IN_ONE_REQUEST:
            self._put_bytes(key, path.read_bytes(), self._patience)
        else:
            blob = self._container(self._patience).get_blob_client(key)
            blocks.upload(blob, path, lambda it: persistently(it, errors.pause, self._patience))

    def _put_bytes(self, key: str, data: bytes, patience: Patience) -> None:
        blob = self._container(patience).get_blob_client(key)
        settings = ContentSettings(content_type="application/octet-stream")
        persistently(
            lambda: errors.confirmed(
                blob.upload_blob(
                    data, overwrite=True, validate_content="md5", content_settings=settings
                )
            ),
            errors.pause,
            patience,
        )

    def _delete(self, key: str, patience: Patience) -> None:
        blob = self._container(patience).get_blob_client(key)
        try:
            persistently(blob.delete_blob, errors.pause, patience)
        except Exception as error:
            if not errors.is_missing(error):
                raise

    def _container(self, patience: Patience) -> ContainerClient:
        return self._slow if patience is self._patience else self._client(patience)

    @cached_property
    def _slow(self) -> ContainerClient:
        return self._client(self._patience)

    def _client(self, patience: Patience) -> ContainerClient:
        return ContainerClient(
            self._destination.account_url,
            self._destination.container,
            credential=self._credential,
            # Repeated here, each part by itself; the SDK would begin with long waits.
            retry_total=0,
            connection_timeout=_CONNECT,
            read_timeout=patience.answer,
        )

    @cached_property
    def _credential(self) -> AzureSasCredential | DefaultAzureCredential:
        if self._sas is None:
            return DefaultAzureCredential()
        sas.hide_signatures()
        return AzureSasCredential(self._sas.token)

    @cached_property
    def _sas(self) -> sas.Sas | None:
        secret = self._destination.sas_token
        return None if secret is None else sas.parsed(reveal(secret, self._environ))

    def _known_sas(self) -> sas.Sas | None:
        try:
            return self._sas
        except sas.MalformedSasError:
            return None
