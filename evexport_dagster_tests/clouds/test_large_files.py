"""A file of any size goes through little memory. `--large` makes it one of 2 GiB."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rclone_api import BINARY_PATH

from evexport_dagster.stores import Store
from evexport_dagster.stores.retries import Patience
from evexport_dagster_tests.clouds import azure_places, gcs_places, s3_places
from evexport_dagster_tests.clouds.azure_cloud import AzureCloud
from evexport_dagster_tests.clouds.gcs_cloud import GcsCloud
from evexport_dagster_tests.clouds.places import BUCKET, MEBI
from evexport_dagster_tests.clouds.process import free_port, running
from evexport_dagster_tests.clouds.s3_cloud import Keys

# Servers that keep objects in memory copy gigabytes for each chunk.
CALM = Patience(answer=600)
MOST = 32 * MEBI
"""What putting a file may take: a few pieces of a few parts."""


@dataclass(frozen=True)
class Place:
    """A store, and what it has."""

    store: Store
    objects: Callable[[], Mapping[str, bytes]]


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Place]:
    """A server that keeps objects as files."""
    folder, port = tmp_path / "objects", free_port()
    (folder / BUCKET).mkdir(parents=True)
    keys = Keys("AKIAEXAMPLE", "secretExample")
    command = [str(BINARY_PATH), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    with running(
        "rclone", [*command, "--auth-key", f"{keys.id},{keys.secret}"], port, tmp_path
    ) as it:
        store = s3_places.store_at(it.url, keys, CALM)
        yield Place(store, lambda: {"x": (folder / BUCKET / "x").read_bytes()})


@pytest.fixture
def gcs(gcs_cloud: GcsCloud) -> Place:
    """Google's, with the least rights."""
    key = gcs_cloud.account(gcs_cloud.bucket(BUCKET))
    return Place(gcs_places.store_at(gcs_cloud.url, key, CALM), lambda: gcs_cloud.objects(BUCKET))


@pytest.fixture
def azure(azure_cloud: AzureCloud) -> Place:
    """Azure's, with the least rights."""
    sas = azure_cloud.sas(azure_cloud.container(BUCKET))
    return Place(
        azure_places.store_at(azure_cloud.url, sas, CALM), lambda: azure_cloud.objects(BUCKET)
    )


@pytest.mark.parametrize("name", ["s3", "gcs", "azure"])
def test_memory_does_not_grow_with_the_file(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, size: int
) -> None:
    place: Place = request.getfixturevalue(name)
    path = tmp_path / "large"
    block = os.urandom(16 * MEBI)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
        file.write(b"the end")
    place.store.put("x", Path(__file__))
    with at_most(MOST):
        place.store.put("x", path)
    with path.open("rb") as file:
        sent = hashlib.file_digest(file, "sha256").digest()
    (arrived,) = place.objects().values()
    assert hashlib.sha256(arrived).digest() == sent


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fails where this process takes more memory meanwhile, as the kernel counts it."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    yield
    assert memory("VmHWM") - before <= size


def memory(name: str) -> int:
    """Bytes of this process: what it has (VmRSS), or had at its peak (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) << 10
