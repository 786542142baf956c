"""What Azure Blob Storage says when it refuses: mapped once, to who acts next.

https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
import urllib3
from azure.core import exceptions as core

from evexport_dagster.stores.azure.sas import MalformedSasError, Sas
from evexport_dagster.stores.causes import (
    PASSING_STATUS,
    TRY_AGAIN,
    Cause,
    of_network,
    refused,
    unreadable,
)
from evexport_dagster.stores.retries import asked_pause

_NEW_SAS: Final = (
    "generate a SAS token with Read and Write for the container, and set the variable of "
    "`sas_token` to it"
)
_SILENT: Final = (core.ServiceRequestTimeoutError, core.ServiceResponseTimeoutError)
_BUSY: Final = Cause("the store asks for fewer requests")
_CORRUPTED: Final = Cause("the store received other bytes than were sent")
_REPLACED: Final = Cause("another upload of the same object came in between", repeats=False)
_HELD: Final = refused(
    "the blob is held by an immutability policy or a lease, and cannot be replaced",
    "release it, or export to a container without one",
)
_NO_CONTAINER: Final = refused(
    "the container does not exist", "create it, or correct `container` of the destination"
)
_WRONG_SAS: Final = refused("the SAS token is not allowed here", _NEW_SAS)

_NOT_AZURE: Final = Cause(
    "what answers is not Azure Blob Storage", "check `endpoint`; " + TRY_AGAIN
)
_NO_KEY: Final = refused(
    "the key that encrypts the storage account cannot be used", "ask the account's owner"
)

# Pairs and not a table: codes of the SDK are enums now and then, equal to text, hashed otherwise.
_BY_CODE: Final = (
    ("ServerBusy", _BUSY),
    ("AccountIsDisabled", refused("the storage account is disabled", "ask its owner")),
    ("ContainerNotFound", _NO_CONTAINER),
    ("ContainerBeingDeleted", _NO_CONTAINER),
    ("ContainerDisabled", _NO_CONTAINER),
    ("InvalidResourceName", _NO_CONTAINER),
    ("Md5Mismatch", _CORRUPTED),
    ("InvalidMd5", _CORRUPTED),
    ("Crc64Mismatch", _CORRUPTED),
    ("InvalidBlockList", _REPLACED),
    ("InvalidBlobOrBlock", _REPLACED),
    ("BlobImmutableDueToPolicy", _HELD),
    ("LeaseIdMissing", _HELD),
    (
        "AuthorizationProtocolMismatch",
        refused("the SAS token is for HTTPS only", "use an https:// endpoint"),
    ),
    (
        "AuthorizationSourceIPMismatch",
        refused(
            "the SAS token is not for the address of this machine",
            "generate one without allowed IP addresses",
        ),
    ),
    ("KeyVaultEncryptionKeyNotFound", _NO_KEY),
    ("KeyVaultAccessTokenCannotBeAcquired", _NO_KEY),
    ("KeyVaultVaultNotFound", _NO_KEY),
    ("AuthorizationResourceTypeMismatch", _WRONG_SAS),
    ("AuthorizationServiceMismatch", _WRONG_SAS),
    (
        "UnauthorizedBlobOverwrite",
        refused("the SAS token has no Write: it creates blobs, and cannot replace them", _NEW_SAS),
    ),
    (
        "KeyBasedAuthenticationNotPermitted",
        refused("the storage account does not take SAS tokens", "ask its owner to allow them"),
    ),
)


class UnconfirmedError(Exception):
    """The answer to a write does not tell of a blob: the store did not give it."""


def confirmed(answer: Mapping[str, Any]) -> None:
    """Raise UnconfirmedError where the answer to a write is not one of the store."""
    if not answer.get("etag"):
        raise UnconfirmedError


def cause_of(error: Exception, sas: Sas | None, needed: str) -> Cause | None:
    """What an error of the SDK means; None for one that is not its own.

    `needed` is the permission, by name, that the request needs.
    """
    match error:
        case MalformedSasError():
            return refused(f"the SAS token is malformed: {error}", _NEW_SAS)
        case UnconfirmedError():
            return _NOT_AZURE
        case core.HttpResponseError() if error.status_code is not None:
            return _of_response(error, sas, needed)
        case core.ClientAuthenticationError():
            return refused(
                "this machine has no Azure credentials",
                "set `sas_token` of the destination, or log in here",
            )
        case core.AzureError() | requests.RequestException() | urllib3.exceptions.HTTPError():
            return of_network(error, _SILENT)
        case OSError():
            return unreadable(error)
    return None


def pause(error: Exception) -> float | None:
    """The seconds until the same request may succeed; None where it cannot."""
    cause = cause_of(error, None, "")
    if cause is None or not cause.repeats:
        return None
    return asked_pause(getattr(getattr(error, "response", None), "headers", None))


def is_missing(error: Exception) -> bool:
    """Whether the blob that was asked for is not there."""
    return isinstance(error, core.HttpResponseError) and _code(error) == "BlobNotFound"


def _of_response(error: core.HttpResponseError, sas: Sas | None, needed: str) -> Cause:
    code = _code(error)
    for known, cause in _BY_CODE:
        if code == known:
            return cause
    status = error.status_code
    if status is not None and (status in PASSING_STATUS or status >= 500):
        return _BUSY if status == 429 else Cause(f"the store failed ({status})")
    if code in ("AuthorizationPermissionMismatch", "InsufficientAccountPermissions"):
        return _of_permission(sas, needed)
    if status in (401, 403):
        return _of_denial(error, sas)
    if status == 404:
        return _NO_CONTAINER
    if status is not None and status < 400:
        return _NOT_AZURE
    return refused(f"the store refuses the request ({status}: {code})", "ask the account's owner")


def _of_permission(sas: Sas | None, needed: str) -> Cause:
    if sas is None:
        return refused(
            f"the credentials of this machine have no {needed} permission",
            "give them the role Storage Blob Data Contributor on the container",
        )
    return refused(f"the SAS token has no {needed} permission", _NEW_SAS)


def _of_denial(error: core.HttpResponseError, sas: Sas | None) -> Cause:
    if sas is None:
        return refused(
            "the credentials of this machine are not accepted",
            "give them the role Storage Blob Data Contributor on the container",
        )
    now = _time_of(error)
    if now and sas.ends and sas.ends <= now:
        return refused(f"the SAS token has expired, on {_shown(sas.ends)}", _NEW_SAS)
    if now and sas.starts and now < sas.starts:
        return refused(
            f"the SAS token is not yet valid, only from {_shown(sas.starts)}",
            "wait until then, or generate one that is valid now",
        )
    walled = ", or the account's network rules keep this machine out"
    return refused(
        "the SAS token is not accepted: its signature is wrong, or its key or policy was changed"
        + (walled if _code(error) == "AuthorizationFailure" else ""),
        _NEW_SAS,
    )


def _time_of(error: core.HttpResponseError) -> datetime | None:
    """The store's own time: it is what counts."""
    try:
        return parsedate_to_datetime(error.response.headers["Date"])  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _shown(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _code(error: core.HttpResponseError) -> str:
    code = getattr(error, "error_code", None)
    text = str(getattr(code, "value", code or ""))
    return text if re.fullmatch(r"\w{1,80}", text) else "no code"
