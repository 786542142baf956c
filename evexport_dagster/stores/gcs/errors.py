"""What Google Cloud Storage says when it refuses: mapped once, to who acts next.

https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

import re
from typing import Any, Final

import requests
import urllib3
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from evexport_dagster.stores.causes import (
    PASSING_STATUS,
    TRY_AGAIN,
    Cause,
    of_network,
    refused,
    unreadable,
)
from evexport_dagster.stores.retries import asked_pause

DELETE: Final = "storage.objects.delete"
_GRANT: Final = "grant the service account storage.objects.create and storage.objects.delete on it"
_NEW_KEY: Final = (
    "make a new key of the service account and set the variable of `service_account` to it"
)
_THROTTLED: Final = {"rateLimitExceeded", "userRateLimitExceeded"}
_USED_UP: Final = {"quotaExceeded", "dailyLimitExceeded"}
_HELD: Final = {"retentionPolicyNotMet", "objectUnderActiveHold"}
_PERMISSION: Final = re.compile(r"\bstorage\.(?:objects|buckets|multipartUploads)\.[a-zA-Z]+\b")
_NETWORK: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)


class KeyFileError(Exception):
    """The service account's key is no such key; the message says why, and holds nothing of it."""


class CorruptedError(Exception):
    """The store's checksum is not that of the file."""


class StalledError(Exception):
    """The store kept nothing of what it was sent last."""


class RestartError(Exception):
    """An upload session is lost, or what it holds is not known: the upload begins anew."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


LOST: Final = Cause("the store lost what was uploaded already")
_STALLED: Final = Cause("the store keeps nothing of what it is sent")
_NOT_GOOGLE: Final = Cause(
    "what answers is not Google Cloud Storage", f"check `endpoint`; {TRY_AGAIN}"
)
_CORRUPTED: Final = Cause("the store received other bytes than were sent")


def cause_of(error: Exception) -> Cause | None:
    """What an error of the SDK or of the network means; None for one that is not theirs."""
    match error:
        case api.RetryError() if isinstance(error.cause, Exception):
            return cause_of(error.cause)
        case KeyFileError():
            return refused(f"the key of the service account is not usable: {error}", _NEW_KEY)
        case auth.RefreshError():
            return _of_refresh(error)
        case auth.DefaultCredentialsError():
            return refused(
                "this machine has no Google credentials",
                "set `service_account` of the destination, or log in here",
            )
        case auth.GoogleAuthError():
            return Cause("Google's token service cannot be reached")
        case api.GoogleAPICallError() | InvalidResponse() if error.response is not None:
            return _of_response(error.response)
        case RestartError():
            return error.cause
        case StalledError():
            return _STALLED
        case CorruptedError() | DataCorruption():
            return _CORRUPTED
    return _of_transport(error)


def pause(error: Exception) -> float | None:
    """The seconds until the same request may succeed; None where it cannot."""
    cause = cause_of(error)
    if isinstance(error, RestartError | CorruptedError) or cause is None or not cause.repeats:
        return None
    return asked_pause(getattr(getattr(error, "response", None), "headers", None))


def is_corruption(error: Exception) -> bool:
    """Whether the store refuses what arrived for its checksum."""
    return cause_of(error) == _CORRUPTED


def is_missing(error: Exception) -> bool:
    """Whether the store says that what was asked for is not there."""
    return isinstance(error, api.NotFound)


def _of_transport(error: Exception) -> Cause | None:
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return _NOT_GOOGLE
    if isinstance(error, _NETWORK):
        return of_network(error)
    return unreadable(error) if isinstance(error, OSError) else None


def _of_refresh(error: auth.RefreshError) -> Cause:
    said = str(error.args[0]) if error.args else ""
    if error.retryable or "No access token" in said:
        return Cause("Google's token service is not available")
    if "Invalid JWT Signature" in said:
        return refused("this key of the service account is wrong, or was deleted", _NEW_KEY)
    if "account not found" in said or "account_disabled" in said:
        return refused(
            "the service account does not exist or is disabled",
            "restore or enable it, or set `service_account` to the key of another one",
        )
    if "Invalid JWT" in said:
        return Cause(
            "the clocks of this machine and of Google differ",
            "set the clock of this machine; the run is tried again",
        )
    return refused("Google does not accept the credentials", _NEW_KEY)


def _of_response(response: requests.Response) -> Cause:
    status, reasons, message = response.status_code, *_said(response)
    if status < 400:
        return _NOT_GOOGLE
    if status == 429 or _THROTTLED & reasons:
        return Cause(f"the store asks for fewer requests ({status})")
    if status in PASSING_STATUS or status >= 500:
        return Cause(f"the store failed ({status})")
    if status == 401:
        return refused("the store does not know the credentials (401)", _NEW_KEY)
    if status == 403:
        return _of_denial(reasons, message)
    if status == 404:
        return refused(
            "the bucket does not exist (404)", "create it, or correct `bucket` of the destination"
        )
    if status == 400 and ("crc32c" in message.lower() or "md5" in message.lower()):
        return _CORRUPTED
    shown = ", ".join(sorted(reasons)) or "no reason given"
    return refused(f"the store refuses the request ({status}: {shown})", "ask the bucket's owner")


def _of_denial(reasons: set[str], message: str) -> Cause:
    if "retention" in message.lower() or _HELD & reasons:
        return refused(
            "the object is held by the bucket's retention policy or by a hold, and cannot be"
            " replaced (403)",
            "shorten the policy, release the hold, or export to a bucket without them",
        )
    if _USED_UP & reasons:
        return Cause(
            "the project's quota is used up (403)",
            f"have its owner raise the quota; {TRY_AGAIN}",
            repeats=False,
        )
    if "accountDisabled" in reasons or "billing" in message.lower():
        return refused(
            "the project's account is disabled (403)", "ask its owner to look at the billing"
        )
    permission = _PERMISSION.search(message)
    if permission and permission[0] == DELETE:
        return refused(
            f"permission {DELETE} is missing (403), without which an object is written once and "
            "never replaced; the credentials themselves are good",
            f"grant the service account {DELETE} on the bucket as well",
        )
    missing = permission[0] if permission else "to write"
    return refused(f"permission {missing} is denied on the bucket (403)", _GRANT)


def _said(response: requests.Response) -> tuple[set[str], str]:
    try:
        error: Any = response.json()["error"]
        reasons = {str(it.get("reason", "")) for it in error.get("errors", [])}
        return {it for it in reasons if re.fullmatch(r"[\w -]{1,60}", it)}, str(error["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return set(), response.text[:1000]
