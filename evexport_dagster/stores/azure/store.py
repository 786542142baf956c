"""A container of Azure Blob Storage as a destination."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

from azure.core.credentials import AzureSasCredential
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, ContainerClient, ContentSettings

from evexport_dagster.errors import AccessError
from evexport_dagster.settings import AzureDestination, reveal
from evexport_dagster.stores.azure import blocks, errors, sas
from evexport_dagster.stores.retries import AT_ONCE, IN_A_HURRY, UPLOADING, Patience, persistently

_log = logging.getLogger(__name__)
_IN_ONE_REQUEST: Final = 1 << 20
_CONNECT: Final = 15
_PROBE: Final = ".evexport-probe"
_T = TypeVar("_T")


class AzureStore:
    """Blobs of a container; one appears when its last block is there and the list is committed.

    Needs a SAS with Read and Write; with Delete as well, blobs that became stale are removed.
    """

    at_once = AT_ONCE

    def __init__(
        self,
        name: str,
        destination: AzureDestination,
        environ: Mapping[str, str] = os.environ,
        patience: Patience = UPLOADING,
    ) -> None:
        self.name = name
        self.prefix = f"{destination.prefix}/" if destination.prefix else ""
        self._destination = destination
        self._environ, self._patience = environ, patience
        self._account_url = destination.account_url
        place = urlsplit(self._account_url)
        self.fingerprint = f"azure:{place.netloc.lower()}{place.path}/{destination.container}"

    def put(self, key: str, path: Path) -> None:
        self._ask(f"write {self.uri(key)}", "Write", lambda: self._put(key, path, self._patience))

    def delete(self, key: str) -> None:
        self._ask(f"remove {self.uri(key)}", "Delete", lambda: self._delete(key, self._patience))

    def probe(self) -> None:
        key = f"{self.prefix}{_PROBE}"
        self._ask(
            f"write {self.uri(key)}",
            "Write",
            lambda: self._put_bytes(key, b"evexport", IN_A_HURRY),
        )
        try:
            self._ask(f"remove {self.uri(key)}", "Delete", lambda: self._delete(key, IN_A_HURRY))
        except AccessError as error:
            # Read and Write are all that is needed.
            _log.warning("%s; this one stays", error)

    def client(self) -> BlobServiceClient:
        """A client of its own with the credentials of the destination."""
        return self._ask(
            f"open {self._account_url}",
            "Read",
            lambda: BlobServiceClient(self._account_url, credential=self._credential),
        )

    def uri(self, key: str) -> str:
        return f"{self._account_url}/{self._destination.container}/{quote(key)}"

    def _ask(self, what: str, needed: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except Exception as error:
            cause = errors.cause_of(error, self._known_sas(), needed)
            if cause is None:
                raise
        # Outside of the handler: what the SDK raised holds URLs with the signature.
        raise cause.error(f"destination {self.name!r} could not {what}")

    def _put(self, key: str, path: Path, patience: Patience) -> None:
        if path.stat().st_size <= _IN_ONE_REQUEST:
            self._put_bytes(key, path.read_bytes(), patience)
        else:
            blob = self._container(patience).get_blob_client(key)
            blocks.upload(blob, path, lambda it: persistently(it, errors.passes, patience))

    def _put_bytes(self, key: str, data: bytes, patience: Patience) -> None:
        blob = self._container(patience).get_blob_client(key)
        settings = ContentSettings(content_type="application/octet-stream")
        persistently(
            lambda: blob.upload_blob(
                data, overwrite=True, validate_content="md5", content_settings=settings
            ),
            errors.passes,
            patience,
        )

    def _delete(self, key: str, patience: Patience) -> None:
        blob = self._container(patience).get_blob_client(key)
        try:
            persistently(blob.delete_blob, errors.passes, patience)
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
            self._account_url,
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
