"""What S3 and STS say of a failure, as the errors of the exporter: one table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from botocore import exceptions as vendor
from botocore.parsers import ResponseParserError

from evexport_dagster.stores.causes import (
    PASSING_STATUS,
    TRY_AGAIN,
    Cause,
    refused,
    unreadable,
)
from evexport_dagster.stores.retries import asked_pause


class DamagedError(Exception):
    """The store answered with another checksum than that of the file."""


_VENDOR: Final = (vendor.BotoCoreError, ResponseParserError, DamagedError)
_LOST: Final = {"NoSuchUpload", "InvalidPart"}

_DENIED: Final = refused(
    "permission denied",
    "allow s3:PutObject on the objects of the bucket, and see that no other policy denies it",
)
_REFUSED: Final = refused("the store refused the request", "see what the store says of this code")
_UNKNOWN: Final = Cause("the store failed")

_DENIED_FOR: Final[Mapping[str, Cause]] = {
    "AssumeRole": refused(
        "the role cannot be assumed",
        "let its trust policy name this user and this external_id, and this user assume the role",
    ),
    "ListObjectsV2": refused("permission denied to list", "allow s3:ListBucket on the bucket"),
    "DeleteObject": refused(
        "permission denied to delete",
        "allow s3:DeleteObject, or remove objects that are out of date yourself",
    ),
    "AbortMultipartUpload": refused("permission denied to abort", "allow s3:AbortMultipartUpload"),
}
_KEY_DENIED: Final = refused(
    "the KMS key may not be used",
    "allow kms:GenerateDataKey and kms:Decrypt on kms_key_id, a key of the bucket's region",
)

_KEYS_BUSY: Final = Cause("the service of the KMS key is busy or fails")

_CODES: Final[Mapping[Cause, str]] = {
    refused(
        "wrong access key",
        "check access_key_id: the key may be deleted or deactivated",
    ): "InvalidAccessKeyId InvalidClientTokenId InvalidSecurity UnrecognizedClientException",
    refused(
        "wrong secret key", "check secret_access_key: it must belong to access_key_id"
    ): "SignatureDoesNotMatch",
    refused(
        "access disabled",
        "have the owner of the account enable access to it again",
    ): "AllAccessDisabled AccountProblem NotSignedUp InvalidPayer UserSuspended",
    refused(
        "bucket not found", "check bucket, region and endpoint, or create the bucket"
    ): "NoSuchBucket InvalidBucketName NoSuchAccessPoint 404",
    refused(
        "the session has expired",
        "renew the credentials of the environment, or use keys or a role that do not expire",
    ): "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired",
    refused("wrong session token", "renew the credentials of the environment"): "InvalidToken",
    refused(
        "wrong region", "set region to that of the bucket"
    ): "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException "
    "IncorrectEndpoint RegionDisabledException 301",
    _DENIED: "AccessDenied AccessDeniedException AllowedByPolicyOnly Forbidden UnauthorizedAccess "
    "403",
    Cause(
        "the store asks for fewer requests"
    ): "SlowDown Throttling ThrottlingException ThrottledException RequestThrottled "
    "RequestThrottledException RequestLimitExceeded TooManyRequests TooManyRequestsException "
    "BandwidthLimitExceeded ServiceUnavailable Busy 503 429",
    Cause(
        "what arrived is not what was sent"
    ): "BadDigest InvalidDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch "
    "IncompleteBody",
    Cause("the store waited too long for the data"): "RequestTimeout RequestTimeoutException",
    Cause("the store forgot the upload", repeats=False): "NoSuchUpload InvalidPart",
    Cause("the store is moving the bucket"): "TemporaryRedirect 307",
    Cause("another request for the same object came in between"): "OperationAborted "
    "ConditionalRequestConflict",
    Cause(
        "the clocks of this machine and of the store differ",
        "set the clock of this machine; the run is tried again",
        repeats=False,
    ): "RequestTimeTooSkewed RequestInTheFuture",
}
_BY_CODE: Final = {code: cause for cause, codes in _CODES.items() for code in codes.split()}

_TYPES: Final[tuple[tuple[tuple[type[Exception], ...], Cause], ...]] = (
    (
        (
            vendor.NoCredentialsError,
            vendor.PartialCredentialsError,
            vendor.CredentialRetrievalError,
            vendor.MetadataRetrievalError,
            vendor.ProfileNotFound,
            vendor.ConfigNotFound,
            vendor.ConfigParseError,
            vendor.InvalidConfigError,
            vendor.TokenRetrievalError,
            vendor.NoAuthTokenError,
            vendor.SSOError,
            vendor.LoginError,
        ),
        refused(
            "no credentials",
            "give access_key_id and secret_access_key, or credentials in the environment",
        ),
    ),
    (
        (
            vendor.ParamValidationError,
            vendor.ValidationError,
            vendor.EndpointProviderError,
            vendor.BaseEndpointResolverError,
            vendor.UnsupportedS3ArnError,
            vendor.InvalidDNSNameError,
            vendor.InvalidHostLabelError,
            vendor.InvalidEndpointConfigurationError,
        ),
        refused("no such address", "check bucket, region, endpoint and role_arn"),
    ),
    (
        (vendor.ConnectTimeoutError, vendor.ReadTimeoutError),
        Cause("no answer in time", f"check endpoint and network; {TRY_AGAIN}"),
    ),
    (
        (vendor.SSLError,),
        Cause(
            "no safe connection",
            "check the certificate of the endpoint; the run is tried again",
        ),
    ),
    (
        (vendor.EndpointConnectionError, vendor.ProxyConnectionError),
        Cause(
            "the store cannot be reached",
            f"check endpoint, region and network; {TRY_AGAIN}",
        ),
    ),
    ((vendor.HTTPClientError,), Cause("the connection broke off")),
    (
        (ResponseParserError,),
        Cause("what answers is not S3", f"check endpoint; {TRY_AGAIN}"),
    ),
    ((DamagedError,), _BY_CODE["BadDigest"]),
)


def cause_of(error: Exception) -> Cause | None:
    """What an error of botocore or of the file at hand means; None for any other.

    What S3 answers can hold the access key and the signature, so only its code is shown.
    """
    if isinstance(error, vendor.ClientError):
        cause, code = _of_answer(error), code_of(error)
    elif isinstance(error, _VENDOR):
        cause, code = _of_type(error), type(error).__name__
    else:
        return unreadable(error) if isinstance(error, OSError) else None
    return replace(cause, what=f"{cause.what} ({code})")


def pause(error: Exception) -> float | None:
    """The seconds until the same request may succeed; None where it cannot."""
    cause = cause_of(error)
    if cause is None or not cause.repeats:
        return None
    answer = error.response if isinstance(error, vendor.ClientError) else {}
    return asked_pause(answer.get("ResponseMetadata", {}).get("HTTPHeaders"))


def told(answer: Mapping[str, Any], name: str) -> Any:
    """What an answer has to tell; raises where it does not, as an empty one of a proxy."""
    if name not in answer:
        raise ResponseParserError(f"no {name}")
    return answer[name]


def is_lost(error: BaseException) -> bool:
    """Whether the store no longer has an upload, or a part of it."""
    return isinstance(error, vendor.ClientError) and code_of(error) in _LOST


def _of_answer(error: vendor.ClientError) -> Cause:
    code = code_of(error)
    cause = _BY_CODE.get(code)
    if cause is None and re.match(r"KMS\.(Throttl|\w*Internal|\w*Timeout|\w*Unavailable)", code):
        return _KEYS_BUSY
    if code.startswith("KMS.") or (cause is _DENIED and "kms:" in _part(error, "Message")):
        return _KEY_DENIED
    if cause is _DENIED:
        return _DENIED_FOR.get(error.operation_name, _DENIED)
    if cause is not None:
        return cause
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _REFUSED if 300 <= status < 500 and status not in PASSING_STATUS else _UNKNOWN


def _of_type(error: BaseException) -> Cause:
    found: Iterator[Cause] = (cause for types, cause in _TYPES if isinstance(error, types))
    return next(found, _UNKNOWN)


def code_of(error: vendor.ClientError) -> str:
    """The code of an answer, where it looks like one: anything can have sent it."""
    code = _part(error, "Code")
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,60}", code) else "no code"


def _part(error: vendor.ClientError, name: str) -> str:
    parts: Mapping[str, Any] = error.response.get("Error", {})
    return str(parts.get(name, ""))
