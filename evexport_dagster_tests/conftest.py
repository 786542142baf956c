"""What holds for every test, and the servers that tests of several rooms share."""

from hypothesis import HealthCheck, settings

from evexport_dagster_tests.clouds.fixtures import (
    azure_cloud,
    azure_server,
    gcs_cloud,
    gcs_server,
    s3_cloud,
    s3_server,
)
from evexport_dagster_tests.nothing_skipped import pytest_configure
from evexport_dagster_tests.workers import (
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
)

__all__ = [
    "azure_cloud",
    "azure_server",
    "gcs_cloud",
    "gcs_server",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_xdist_auto_num_workers",
    "s3_cloud",
    "s3_server",
]

# How long an example takes says something of the machine, and nothing of what is tested.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
