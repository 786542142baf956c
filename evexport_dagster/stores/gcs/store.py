"""A bucket of Google Cloud Storage as a destination."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import google.auth
from google.auth import exceptions as auth
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.oauth2 import service_account

from evexport_dagster.settings import GcsDestination, reveal
from evexport_dagster.stores.causes import Cause
from evexport_dagster.stores.cloud import CloudStore, Verb
from evexport_dagster.stores.gcs import errors
from evexport_dagster.stores.gcs.upload import Session, checksum, checksum_of
from evexport_dagster.stores.retries import Patience, persistently

_SERVICE: Final = "https://storage.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
_IN_ONE_REQUEST: Final = 1 << 20
_RESTARTS: Final = 4
_T = TypeVar("_T")


class GcsStore(CloudStore[GcsDestination]):
    """Objects of a bucket; one appears with its last byte, after the store checked its CRC32C.

    Needs storage.objects.create, and storage.objects.delete to replace what is there.
    """

    has_to_remove = True

    def client(self, project: str | None = None) -> storage.Client:
        """A client of its own with the credentials of the destination; Google's project is
        needed only to list buckets or to make one."""
        return self._tried("open", self.uri(""), lambda: self._client(project))

    def uri(self, key: str) -> str:
        return f"gs://{self._destination.bucket}/{key}"

    def _place(self) -> str:
        return f"{self._endpoint}/{self._destination.bucket}"

    @property
    def _endpoint(self) -> str:
        return (self._destination.endpoint or _SERVICE).rstrip("/")

    def _cause_of(self, error: Exception, verb: Verb) -> Cause | None:
        return errors.cause_of(error)

    def _put(self, key: str, path: Path) -> None:
        if path.stat().st_size <= _IN_ONE_REQUEST:
            self._put_bytes(key, path.read_bytes(), self._patience)
            return
        crc32c = checksum(path)
        for restart in range(_RESTARTS):
            try:
                self._put_chunks(key, path, crc32c, self._patience)
                return
            except (errors.RestartError, errors.CorruptedError):
                if restart == _RESTARTS - 1:
                    raise

    def _put_bytes(self, key: str, data: bytes, patience: Patience) -> None:
        blob = self._bucket.blob(key)
        self._persistently(
            # The checksum goes along: the store refuses other bytes.
            lambda: blob.upload_from_string(
                data,
                "application/octet-stream",
                checksum="crc32c",
                timeout=patience.answer,
                retry=None,
            ),
            patience,
        )
        self._compare(key, (blob.crc32c, blob.size), (checksum_of([data]), len(data)), patience)

    def _put_chunks(self, key: str, path: Path, crc32c: str, patience: Patience) -> None:
        blob = self._bucket.blob(key)
        blob.crc32c = crc32c
        size = path.stat().st_size
        url = self._persistently(
            lambda: blob.create_resumable_upload_session(
                "application/octet-stream", size, timeout=patience.answer, checksum=None, retry=None
            ),
            patience,
        )
        # Google drops repeated bytes, which its own SDK relies on; other stores append them.
        is_googles = self._destination.endpoint is None
        with path.open("rb") as file:
            stored = Session(self._transport, url, is_googles).send(file, size, patience)
        told = (stored.get("crc32c"), int(stored.get("size", -1)))
        self._compare(key, told, (crc32c, size), patience)

    def _compare(self, key: str, told: object, sent: object, patience: Patience) -> None:
        """Have an object that is not what was sent removed, and told."""
        if told != sent:
            with suppress(Exception):
                self._delete(key, patience)
            raise errors.CorruptedError

    def _delete(self, key: str, patience: Patience) -> None:
        blob = self._bucket.blob(key)
        try:
            self._persistently(lambda: blob.delete(timeout=patience.answer, retry=None), patience)
        except Exception as error:
            if not errors.is_missing(error):
                raise

    def _persistently(self, action: Callable[[], _T], patience: Patience) -> _T:
        return persistently(action, errors.pause, patience)

    def _client(self, project: str | None) -> storage.Client:
        return storage.Client(
            project=project,
            credentials=self._credentials,
            client_options={"api_endpoint": self._endpoint},
        )

    @cached_property
    def _bucket(self) -> storage.Bucket:
        client = self._client(None)
        # The SDK would look the bucket up in the background, which needs one more permission.
        client._bucket_metadata_cache = None
        return client.bucket(self._destination.bucket)

    @cached_property
    def _transport(self) -> AuthorizedSession:
        return AuthorizedSession(self._credentials)

    @cached_property
    def _credentials(self) -> Credentials:
        secret = self._destination.service_account
        if secret is None:
            found: Credentials = google.auth.default(scopes=[_SCOPE])[0]
            return found
        return _key(reveal(secret, self._environ))


class ServiceAccount(service_account.Credentials):
    """A service account that talks to the token service and to the store, and to nobody else."""

    def refresh(self, request: Any) -> None:
        try:
            super().refresh(request)  # type: ignore[no-untyped-call]
        except (LookupError, TypeError, ValueError):
            # What Google's library stumbles over, where something else answers.
            raise auth.TransportError("no token in the answer") from None

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


def _key(text: str) -> Credentials:
    """The credentials of a service account; raises KeyFileError, which holds nothing of it."""
    try:
        info: Any = json.loads(text)
    except ValueError:
        raise errors.KeyFileError("it is not JSON") from None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise errors.KeyFileError("it is not the JSON key of a service account")
    missing = [it for it in ("client_email", "private_key", "token_uri") if not info.get(it)]
    if missing:
        raise errors.KeyFileError(f"it lacks {', '.join(missing)}")
    try:
        account: Credentials = ServiceAccount.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=[_SCOPE]
        )
    except (ValueError, TypeError, auth.GoogleAuthError):
        raise errors.KeyFileError("its private_key cannot be read") from None
    return account
