"""Clients of S3 with the credentials of a destination: keys, a role, or the environment's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.exceptions import ClientError, InvalidEndpointConfigurationError
from botocore.loaders import Loader, create_loader
from botocore.session import Session, get_session

from evexport_dagster.settings import S3Destination, reveal
from evexport_dagster.stores.retries import IN_A_HURRY, Patience, persistently
from evexport_dagster.stores.s3.errors import code_of, pause, told

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_METHOD: Final = "assume-role"
_REGION: Final = "x-amz-bucket-region"
_EXPIRED: Final = "ExpiredToken"
_CONNECT: Final = 20.0
_CONNECTIONS: Final = 64
_ROLE_ATTEMPTS: Final = 3
_RENEWALS: Final = 3
"""Sessions of a role that one request may use up, those that end while it is on its way."""
_T = TypeVar("_T")


class RoleCredentials(RefreshableCredentials):
    """Keys of an assumed role: renewed before they end, and when the store says they have."""

    refused = False

    def refresh_needed(self, refresh_in: int | None = None) -> bool:
        """Whether the next request has to wait for new keys."""
        return self.refused or bool(super().refresh_needed(refresh_in))


@dataclass(frozen=True)
class Connection:
    """A client, to be shared by threads, that repeats what may pass."""

    client: S3Client
    role: RoleCredentials | None
    patience: Patience

    def ask(self, request: Callable[[S3Client], _T]) -> _T:
        """The answer to a request; raises what the last attempt raised."""
        renewals = 0

        def renewing(error: Exception) -> float | None:
            nonlocal renewals
            expired = isinstance(error, ClientError) and code_of(error) == _EXPIRED
            if expired and self.role is not None and renewals < _RENEWALS:
                renewals += 1
                self.role.refused = True
                return 0
            return pause(error)

        return persistently(lambda: request(self.client), renewing, self.patience)


@dataclass(frozen=True)
class Login:
    """A session at the store; `role` where it is that of an assumed role."""

    session: boto3.session.Session
    role: RoleCredentials | None
    endpoint: str | None

    def connect(self, patience: Patience, attempts: int = 1) -> Connection:
        """A connection with the credentials of the session; a client makes `attempts` by itself.

        botocore's own attempts share a budget, which the parts of a large file can use up.
        """
        config = _config(
            patience,
            attempts,
            # The signature covers the checksum of what is sent; hashing all of it again for the
            # signature would cost more than sending it.
            s3={"payload_signing_enabled": False},
            max_pool_connections=_CONNECTIONS,
        )
        try:
            client = self.session.client("s3", endpoint_url=self.endpoint, config=config)
        except ValueError:
            # botocore has no error of its own for an address that it cannot read.
            raise InvalidEndpointConfigurationError(msg="not an address") from None
        client.meta.events.register_first("needs-retry.s3", _never_guess_the_region)
        return Connection(client, self.role, patience)


def _config(patience: Patience, attempts: int, **more: Any) -> Config:
    # While a request is sent, the time to connect is the longest that the network may stall.
    return Config(
        connect_timeout=min(patience.answer, _CONNECT),
        read_timeout=patience.answer,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # Checksums are ours to give: what botocore adds, other stores than Amazon's may refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        tcp_keepalive=True,
        **more,
    )


def _never_guess_the_region(response: Any, request_dict: Any, **_: Any) -> None:
    """Have botocore follow the bucket to the region that an answer names, and nowhere else.

    It would ask for the region by HEAD, and never end if that is redirected too.
    """
    answer = {} if response is None else response[1]
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if "Error" in answer and "Region" not in answer["Error"] and _REGION not in headers:
        request_dict["context"]["s3_redirect"]["redirected"] = True


def sign_in(destination: S3Destination, environ: Mapping[str, str]) -> Login:
    """A session with the credentials of a destination; a role is assumed at once.

    Raises SpecError where the variable of a secret is not set, and what botocore raises.
    """
    keys: dict[str, Any] = {
        name: reveal(secret, environ)
        for name, secret in (
            ("aws_access_key_id", destination.access_key_id),
            ("aws_secret_access_key", destination.secret_access_key),
        )
        if secret is not None
    }
    session = boto3.session.Session(
        botocore_session=_new_session(), region_name=destination.region, **keys
    )
    if destination.role_arn is None:
        return Login(session, None, destination.endpoint)
    role = _assumed(_assuming(session, destination))
    of_role = _new_session()
    of_role.register_component("credential_provider", CredentialResolver([_Provider(role)]))
    region = session.region_name
    session = boto3.session.Session(botocore_session=of_role, region_name=region)
    return Login(session, role, destination.endpoint)


def _new_session() -> Session:
    session = get_session()
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Loader:
    """The descriptions of services: megabytes of JSON, which each session would read by itself."""
    return create_loader()


class _Provider(CredentialProvider):
    METHOD = _METHOD
    CANONICAL_NAME = _METHOD

    def __init__(self, role: RoleCredentials) -> None:
        super().__init__()
        self.role = role

    def load(self) -> RoleCredentials:
        return self.role


def _assumed(assume: Callable[[], dict[str, str]]) -> RoleCredentials:
    def renew() -> dict[str, str]:
        keys = assume()
        role.refused = False
        return keys

    role: RoleCredentials = RoleCredentials.create_from_metadata(assume(), renew, _METHOD)
    return role


def _assuming(
    session: boto3.session.Session, destination: S3Destination
) -> Callable[[], dict[str, str]]:
    sts = session.client(
        "sts",
        region_name=session.region_name or "us-east-1",
        endpoint_url=_sts_endpoint(destination.endpoint),
        config=_config(IN_A_HURRY, _ROLE_ATTEMPTS),
    )
    asked: dict[str, Any] = {"RoleArn": destination.role_arn, "RoleSessionName": "evexport"}
    if destination.external_id is not None:
        asked["ExternalId"] = destination.external_id

    def assume() -> dict[str, str]:
        keys = told(sts.assume_role(**asked), "Credentials")
        return {
            "access_key": keys["AccessKeyId"],
            "secret_key": keys["SecretAccessKey"],
            "token": keys["SessionToken"],
            "expiry_time": keys["Expiration"].isoformat(),
        }

    return assume


def _sts_endpoint(endpoint: str | None) -> str | None:
    """Stores that are not Amazon's assume roles where they keep objects."""
    host = urlsplit(endpoint or "").hostname or ""
    amazon = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return None if amazon else endpoint
