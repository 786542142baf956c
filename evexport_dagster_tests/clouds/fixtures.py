"""The clouds, as real servers: one of each for a session, emptied for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evexport_dagster_tests.clouds.azure_cloud import AzureCloud, azure
from evexport_dagster_tests.clouds.gcs_cloud import GcsCloud, gcs
from evexport_dagster_tests.clouds.process import Server, free_port, running
from evexport_dagster_tests.clouds.s3_cloud import S3Cloud


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """S3, STS and IAM on loopback."""
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("s3_server.py")), str(port)]
    with running("s3", command, port, tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3_cloud(s3_server: Server) -> S3Cloud:
    """The S3 server with nothing in it."""
    return S3Cloud.fresh(s3_server.url)


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsCloud]:
    """Google Cloud Storage on loopback."""
    with gcs(tmp_path_factory.mktemp("gcs")) as cloud:
        yield cloud


@pytest.fixture
def gcs_cloud(gcs_server: GcsCloud) -> GcsCloud:
    """The GCS server with nothing in it."""
    return gcs_server.emptied()


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureCloud]:
    """Azure Blob Storage on loopback."""
    with azure(tmp_path_factory.mktemp("azure")) as cloud:
        yield cloud


@pytest.fixture
def azure_cloud(azure_server: AzureCloud) -> AzureCloud:
    """The Azure server with nothing in it."""
    return azure_server.emptied()
