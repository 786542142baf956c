"""What S3 and STS say of a failure, as the errors of the exporter: one table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore import exceptions as vendor
from botocore.parsers import ResponseParserError

from evexport_dagster.errors import AccessError, ExportError, UnavailableError


class DamagedError(Exception):
    """The store answered with another checksum than that of the file."""


VENDOR_ERRORS: Final = (
    vendor.BotoCoreError,
    vendor.ClientError,
    ResponseParserError,
    DamagedError,
    OSError,
)
"""Everything that an attempt can raise beside our own errors."""


@dataclass(frozen=True)
class Cause:
    """Why something failed, and what to do; the class says who has to."""

    error: type[AccessError] | type[UnavailableError]
    what: str
    todo: str


_AGAIN = "nothing is to be done, the run is tried again"

_DENIED: Final = Cause(
    AccessError,
    "permission denied",
    "allow s3:PutObject on the objects of the bucket, and see that no other policy denies it",
)
_REFUSED: Final = Cause(
    AccessError, "the store refused the request", "see what the store says of this code"
)
_UNKNOWN: Final = Cause(UnavailableError, "the store failed", _AGAIN)

_DENIED_FOR: Final[Mapping[str, Cause]] = {
    "AssumeRole": Cause(
        AccessError,
        "the role cannot be assumed",
        "let its trust policy name this user and this external_id, and this user assume the role",
    ),
    "ListObjectsV2": Cause(
        AccessError, "permission denied to list", "allow s3:ListBucket on the bucket"
    ),
    "DeleteObject": Cause(
        AccessError,
        "permission denied to delete",
        "allow s3:DeleteObject, or remove objects that are out of date yourself",
    ),
    "AbortMultipartUpload": Cause(
        AccessError, "permission denied to abort", "allow s3:AbortMultipartUpload"
    ),
}
_KEY_DENIED: Final = Cause(
    AccessError,
    "the KMS key may not be used",
    "allow kms:GenerateDataKey and kms:Decrypt on kms_key_id, a key of the bucket's region",
)

_CODES: Final[Mapping[Cause, str]] = {
    Cause(
        AccessError,
        "wrong access key",
        "check access_key_id: the key may be deleted or deactivated",
    ): "InvalidAccessKeyId InvalidClientTokenId InvalidSecurity UnrecognizedClientException",
    Cause(
        AccessError, "wrong secret key", "check secret_access_key: it must belong to access_key_id"
    ): "SignatureDoesNotMatch",
    Cause(
        AccessError,
        "access disabled",
        "have the owner of the account enable access to it again",
    ): "AllAccessDisabled AccountProblem NotSignedUp InvalidPayer UserSuspended",
    Cause(
        AccessError, "bucket not found", "check bucket, region and endpoint, or create the bucket"
    ): "NoSuchBucket InvalidBucketName NoSuchAccessPoint 404",
    Cause(
        AccessError,
        "the session has expired",
        "renew the credentials of the environment, or use keys or a role that do not expire",
    ): "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired",
    Cause(
        AccessError, "wrong session token", "renew the credentials of the environment"
    ): "InvalidToken",
    Cause(
        AccessError, "wrong region", "set region to that of the bucket"
    ): "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException "
    "IncorrectEndpoint RegionDisabledException 301",
    _DENIED: "AccessDenied AccessDeniedException AllowedByPolicyOnly Forbidden UnauthorizedAccess "
    "403",
    Cause(
        UnavailableError, "the store asks for fewer requests", _AGAIN
    ): "SlowDown Throttling ThrottlingException ThrottledException RequestThrottled "
    "RequestThrottledException RequestLimitExceeded TooManyRequests TooManyRequestsException "
    "BandwidthLimitExceeded ServiceUnavailable Busy 503 429",
    Cause(
        UnavailableError, "what arrived is not what was sent", _AGAIN
    ): "BadDigest InvalidDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch "
    "IncompleteBody InvalidPart",
    Cause(
        UnavailableError, "the store waited too long for the data", _AGAIN
    ): "RequestTimeout RequestTimeoutException",
    Cause(
        UnavailableError, "the store forgot the upload", _AGAIN
    ): "NoSuchUpload OperationAborted ConditionalRequestConflict TemporaryRedirect",
    Cause(
        UnavailableError,
        "the clocks of this machine and of the store differ",
        "set the clock of this machine; the run is tried again",
    ): "RequestTimeTooSkewed RequestInTheFuture",
}
_LASTING: Final = {"NoSuchUpload", "InvalidPart", "RequestTimeTooSkewed", "RequestInTheFuture"}
"""What passes, but not for the same request."""

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
        Cause(
            AccessError,
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
        Cause(AccessError, "no such address", "check bucket, region, endpoint and role_arn"),
    ),
    (
        (vendor.ConnectTimeoutError, vendor.ReadTimeoutError),
        Cause(UnavailableError, "no answer in time", f"check endpoint and network; else {_AGAIN}"),
    ),
    (
        (vendor.SSLError,),
        Cause(
            UnavailableError,
            "no safe connection",
            "check the certificate of the endpoint; the run is tried again",
        ),
    ),
    (
        (vendor.EndpointConnectionError, vendor.ProxyConnectionError),
        Cause(
            UnavailableError,
            "the store cannot be reached",
            f"check endpoint, region and network; else {_AGAIN}",
        ),
    ),
    ((vendor.HTTPClientError,), Cause(UnavailableError, "the connection broke off", _AGAIN)),
    (
        (ResponseParserError,),
        Cause(UnavailableError, "what answers is not S3", f"check endpoint; else {_AGAIN}"),
    ),
    ((DamagedError,), _BY_CODE["BadDigest"]),
    (
        (OSError,),
        Cause(UnavailableError, "a scratch file cannot be read", "the run is tried again"),
    ),
)


def explain(error: BaseException, name: str, tried: str) -> ExportError:
    """The one error of ours that a vendor's error means; nothing of its text is kept.

    What S3 answers can hold the access key and the signature, so only its code is shown.
    """
    code = code_of(error) if isinstance(error, vendor.ClientError) else type(error).__name__
    cause = cause_of(error)
    return cause.error(
        f"destination {name!r} could not {tried}: {cause.what} ({code}); {cause.todo}"
    )


def cause_of(error: BaseException) -> Cause:
    """Why a vendor's error came, and what to do."""
    return _of_answer(error) if isinstance(error, vendor.ClientError) else _of_type(error)


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, vendor.ClientError):
        return _of_answer(error).error is UnavailableError and code_of(error) not in _LASTING
    of_network = isinstance(error, vendor.BotoCoreError | ResponseParserError | DamagedError)
    return of_network and _of_type(error).error is UnavailableError


def _of_answer(error: vendor.ClientError) -> Cause:
    code = code_of(error)
    cause = _BY_CODE.get(code)
    if code.startswith("KMS.") or (cause is _DENIED and "kms:" in _part(error, "Message")):
        return _KEY_DENIED
    if cause is _DENIED:
        return _DENIED_FOR.get(error.operation_name, _DENIED)
    if cause is not None:
        return cause
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _REFUSED if 300 <= status < 500 else _UNKNOWN


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
