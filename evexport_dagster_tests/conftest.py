"""What holds for every test, and the servers that tests of several rooms share."""

from evexport_dagster_tests.clouds.fixtures import (
    azure_cloud,
    azure_server,
    gcs_cloud,
    gcs_server,
    s3_cloud,
    s3_server,
)
from evexport_dagster_tests.nothing_skipped import pytest_configure

__all__ = [
    "azure_cloud",
    "azure_server",
    "gcs_cloud",
    "gcs_server",
    "pytest_configure",
    "s3_cloud",
    "s3_server",
]
