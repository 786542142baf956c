"""Where files go: one model for each kind of store."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, Discriminator, Tag, model_validator

from evexport_dagster.spec.fields import (
    Model,
    Wrong,
    refuse,
)
from evexport_dagster.spec.texts import FilePath, SecretField, Text, WebUrl, text_like

STORES = ("local", "s3", "gcs", "azure")
_PREFIX_RULE = "expected folders without a leading '/': letters, digits, '-', '_', '=', '.' and '/'"


_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ARN = r"arn:[A-Za-z0-9:/._-]+"
_BUCKET_RULE = "expected a name of letters, digits, '-', '_' and '.'"
Bucket = Annotated[str, *text_like(_BUCKET, _BUCKET_RULE)]
S3Bucket = Annotated[str, *text_like(f"{_BUCKET}|{_ARN}", f"{_BUCKET_RULE}, or an ARN")]
Region = Annotated[str, *text_like(r"[A-Za-z0-9-]+", "expected a region's name, such as eu-west-1")]
Account = Annotated[str, *text_like(r"[a-z0-9]+", "expected the account's name alone: a-z and 0-9")]
Container = Annotated[
    str, *text_like(r"\$?[A-Za-z0-9][A-Za-z0-9-]*", "expected a name of letters, digits and '-'")
]


# Object stores take 1,024 bytes a key; `naming` leaves so many of them to the prefix.
_LONGEST_PREFIX = 120


def _prefix(text: str) -> str:
    segments = text.removesuffix("/").split("/")
    safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=."
    if not all(part.strip(safe) == "" and part.strip(".") for part in segments):
        raise refuse(Wrong(_PREFIX_RULE))
    if len(text) > _LONGEST_PREFIX:
        raise refuse(Wrong(f"expected {_LONGEST_PREFIX} characters or less"))
    return "/".join(segments)


Prefix = Annotated[str, AfterValidator(_prefix)]


class LocalDestination(Model):
    """A folder on this machine."""

    type: Literal["local"]
    """A folder on this machine."""

    path: FilePath
    """The folder; it is made if it is not there."""

    prefix: Prefix | None = None
    """Folders below it, in which everything is put."""


class S3Destination(Model):
    """A bucket of Amazon S3, or of a store that speaks its protocol.

    Without keys and without a role the credentials of the environment are used.
    """

    type: Literal["s3"]
    """A bucket of Amazon S3, or of a store that speaks its protocol."""

    bucket: S3Bucket
    """The bucket's name."""

    region: Region | None = pydantic.Field(None, examples=["eu-west-1"])
    """The bucket's region."""

    access_key_id: SecretField | None = None
    """The key of a user who may write to the bucket."""

    secret_access_key: SecretField | None = None
    """That user's secret key."""

    role_arn: Text | None = pydantic.Field(
        None, examples=["arn:aws:iam::111122223333:role/exporter"]
    )
    """A role to assume."""

    external_id: Text | None = None
    """The external id that the role's trust policy asks for."""

    kms_key_id: Text | None = None
    """The KMS key that encrypts the objects."""

    endpoint: WebUrl | None = None
    """The address of another store that speaks the protocol of S3."""

    prefix: Prefix | None = None
    """Folders in the bucket, in which everything is put."""

    @model_validator(mode="after")
    def _belong_together(self) -> S3Destination:
        pairs = (
            ("access_key_id", "secret_access_key"),
            ("secret_access_key", "access_key_id"),
            ("external_id", "role_arn"),
        )
        wrongs = [
            Wrong(f"required beside `{given}`", (needed,))
            for given, needed in pairs
            if getattr(self, given) is not None and getattr(self, needed) is None
        ]
        if wrongs:
            raise refuse(*wrongs)
        return self


class GcsDestination(Model):
    """A bucket of Google Cloud Storage.

    Without a service account the credentials of the environment are used.
    """

    type: Literal["gcs"]
    """A bucket of Google Cloud Storage."""

    bucket: Bucket
    """The bucket's name."""

    service_account: SecretField | None = None
    """The key of a service account, as JSON."""

    endpoint: WebUrl | None = None
    """Another address of the service."""

    prefix: Prefix | None = None
    """Folders in the bucket, in which everything is put."""


class AzureDestination(Model):
    """A container of Azure Blob Storage.

    Without a token the credentials of the environment are used.
    """

    type: Literal["azure"]
    """A container of Azure Blob Storage."""

    account: Account | None = None
    """The storage account; not needed with `endpoint`."""

    container: Container
    """The container's name."""

    sas_token: SecretField | None = None
    """A SAS token that may write to the container."""

    endpoint: WebUrl | None = pydantic.Field(None, examples=["https://events.acme.com"])
    """The account's own domain."""

    prefix: Prefix | None = None
    """Folders in the container, in which everything is put."""

    @model_validator(mode="after")
    def _has_address(self) -> AzureDestination:
        if self.account is None and self.endpoint is None:
            raise refuse(Wrong("required: `account` or `endpoint`", ("account",)))
        return self

    @property
    def account_url(self) -> str:
        """The address below which the container is, without a slash at its end."""
        url = self.endpoint or f"https://{self.account}.blob.core.windows.net"
        return url.rstrip("/")


def _kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"\0{kind}" if kind in STORES else None


Destination = Annotated[
    Annotated[LocalDestination, Tag("\0local")]
    | Annotated[S3Destination, Tag("\0s3")]
    | Annotated[GcsDestination, Tag("\0gcs")]
    | Annotated[AzureDestination, Tag("\0azure")],
    Discriminator(_kind, custom_error_type="store", custom_error_message=", ".join(STORES)),
]
