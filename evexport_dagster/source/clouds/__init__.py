"""Where lakes lie: one file for each cloud, found by the type of a destination there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from evexport_dagster.settings import Destination
from evexport_dagster.source.clouds.base import Bucket, RemoteFile

__all__ = ["Bucket", "RemoteFile", "open_bucket"]

# Names instead of imports: the libraries of a cloud are slow to load, and rarely all needed.
_CLOUDS: Final[Mapping[str, str]] = {"s3": "S3Bucket", "gcs": "GcsBucket", "azure": "AzureBucket"}
"""The class for each type of destination, in the file of that name."""


def open_bucket(
    cloud: str, name: str, connection: Destination | None, environ: Mapping[str, str]
) -> Bucket:
    """The bucket or container `name`, read with the credentials and at the endpoint of
    `connection`; nothing is asked of it yet."""
    opened = getattr(import_module(f"{__name__}.{cloud}"), _CLOUDS[cloud])
    return cast("Bucket", opened(name, connection, environ))
