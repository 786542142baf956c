"""What Google Cloud Storage says when it refuses: mapped once, to who acts next.

https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import requests
import urllib3
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from evexport_dagster.errors import AccessError, UnavailableError

TRY_AGAIN: Final = "the run is tried again by itself"
DELETE: Final = "storage.objects.delete"
_GRANT: Final = "grant the service account storage.objects.create and storage.objects.delete on it"
_NEW_KEY: Final = (
    "make a new key of the service account and set the variable of `service_account` to it"
)
_PASSING_STATUS: Final = {408, 425, 429, 500, 502, 503, 504}
_THROTTLED: Final = {"rateLimitExceeded", "userRateLimitExceeded"}
_PERMISSION: Final = re.compile(r"\bstorage\.(?:objects|buckets|multipartUploads)\.[a-zA-Z]+\b")
_NETWORK: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)
_BROKEN: Final = (
    ((urllib3.exceptions.NameResolutionError,), "the store's name cannot be resolved"),
    (
        (urllib3.exceptions.NewConnectionError, ConnectionRefusedError),
        "the store cannot be reached: no connection",
    ),
    ((requests.exceptions.SSLError,), "the store's TLS certificate is not trusted"),
    ((requests.Timeout, TimeoutError), "the store did not answer in time"),
)


class KeyFileError(Exception):
    """The service account's key is no such key; the message says why, and holds nothing of it."""


class CorruptedError(Exception):
    """The store's checksum is not that of the file."""


@dataclass(frozen=True)
class Cause:
    """What is wrong and what to do about it, as text; `passes` when nobody has to do it."""

    what: str
    to_do: str = TRY_AGAIN
    passes: bool = True

    def error(self, said: str) -> AccessError | UnavailableError:
        """The error for what was tried."""
        kind = UnavailableError if self.passes else AccessError
        return kind(f"{said}: {self.what}; {self.to_do}")


class RestartError(Exception):
    """An upload session is lost, or what it holds is not known: the upload begins anew."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


def refused(what: str, to_do: str) -> Cause:
    """A cause that stays until somebody acts."""
    return Cause(what, to_do, passes=False)


LOST: Final = Cause("the store lost what was uploaded already")
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
        case CorruptedError() | DataCorruption():
            return _CORRUPTED
        case _ if isinstance(error, _NETWORK):
            return Cause(_of_network(error))
    return unread_file(error)


def unread_file(error: Exception) -> Cause | None:
    """The cause where it is the file at hand that cannot be read."""
    if not isinstance(error, OSError):
        return None
    return Cause(f"the file cannot be read: {error.strerror or type(error).__name__}")


def passes(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, RestartError | CorruptedError):
        return False
    cause = cause_of(error)
    return cause is not None and cause.passes and cause != unread_file(error)


def is_corruption(error: Exception) -> bool:
    """Whether the store refuses what arrived for its checksum."""
    return cause_of(error) == _CORRUPTED


def is_missing(error: Exception) -> bool:
    """Whether the store says that what was asked for is not there."""
    return isinstance(error, api.NotFound)


def _of_refresh(error: auth.RefreshError) -> Cause:
    said = str(error.args[0]) if error.args else ""
    if error.retryable:
        return Cause("Google's token service is not available")
    if "Invalid JWT Signature" in said:
        return refused("this key of the service account is wrong, or was deleted", _NEW_KEY)
    if "account not found" in said or "account_disabled" in said:
        return refused(
            "the service account does not exist or is disabled",
            "restore or enable it, or set `service_account` to the key of another one",
        )
    if "Invalid JWT" in said:
        return refused(
            "Google does not accept the time of the request",
            "set the clock of this machine",
        )
    return refused("Google does not accept the credentials", _NEW_KEY)


def _of_response(response: requests.Response) -> Cause:
    status, reasons, message = response.status_code, *_said(response)
    if status == 429 or _THROTTLED & reasons:
        return Cause(f"the store asks for fewer requests ({status})")
    if status in _PASSING_STATUS:
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
    if "retention" in message.lower() or "retentionPolicyNotMet" in reasons:
        return refused(
            "the object is held by the bucket's retention policy, and cannot be replaced (403)",
            "shorten the policy, or export to a bucket without one",
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


def _of_network(error: Exception) -> str:
    chain = tuple(_chain(error))
    for kinds, what in _BROKEN:
        if any(isinstance(it, kinds) for it in chain):
            return what
    return "the connection to the store broke off"


def _chain(error: BaseException) -> Iterator[BaseException]:
    yield error
    for inner in (error.__cause__, error.__context__, *error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException) and inner is not error:
            yield from _chain(inner)
