"""The servers of the clouds, for the suites that every store has to pass."""

from evexport_dagster_tests.clouds.conftest import (
    azure_cloud,
    azure_server,
    gcs_cloud,
    gcs_server,
    s3_cloud,
    s3_server,
)

__all__ = ["azure_cloud", "azure_server", "gcs_cloud", "gcs_server", "s3_cloud", "s3_server"]
