"""What every store does: objects whole or absent, replaced in place, under the names they get."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evexport_dagster.errors import AccessError, UnavailableError
from evexport_dagster.settings import (
    AzureDestination,
    GcsDestination,
    LocalDestination,
    S3Destination,
)
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores import Store, open_store
from evexport_dagster_tests.clouds.azure_cloud import AzureCloud
from evexport_dagster_tests.clouds.gcs_cloud import GcsCloud
from evexport_dagster_tests.clouds.s3_cloud import REGION, S3Cloud

MEBI = 1 << 20
SIZES = [0, 1, MEBI, MEBI + 1, 16 * MEBI, 16 * MEBI + 1, 33 * MEBI]
"""Nothing, a little, and the sizes around which stores begin to send files in parts."""

SEGMENT = st.text("abzABZ019-_=.", min_size=1, max_size=60).filter(lambda it: it.strip("."))
KEYS = st.lists(SEGMENT, min_size=1, max_size=5).map("/".join)


@dataclass(frozen=True)
class Opened:
    """A store with nothing in it, a look at what it has that is not its own, and its secrets."""

    store: Store
    objects: Callable[[], Mapping[str, bytes]]
    secrets: tuple[str, ...] = ()


def local(request: pytest.FixtureRequest, folder: Path) -> Opened:
    """A folder."""
    root = folder / "out"

    def objects() -> dict[str, bytes]:
        files = (it for it in root.rglob("*") if it.is_file())
        return {it.relative_to(root).as_posix(): it.read_bytes() for it in files}

    destination = LocalDestination(type="local", path=root, prefix="a/b")
    return Opened(open_store("place", destination), objects)


def s3(request: pytest.FixtureRequest, folder: Path) -> Opened:
    """A bucket, for a user who may do everything."""
    cloud: S3Cloud = request.getfixturevalue("s3_cloud")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    bucket = cloud.bucket("destination")
    monkeypatch.setenv("S3_KEY", cloud.root.id)
    monkeypatch.setenv("S3_SECRET", cloud.root.secret)
    destination = S3Destination(
        type="s3",
        bucket=bucket,
        region=REGION,
        endpoint=cloud.url,
        prefix="a/b",
        access_key_id=Secret("S3_KEY"),
        secret_access_key=Secret("S3_SECRET"),
    )
    secrets = (cloud.root.id, cloud.root.secret)
    return Opened(open_store("place", destination), lambda: cloud.objects(bucket), secrets)


def gcs(request: pytest.FixtureRequest, folder: Path) -> Opened:
    """A bucket, for a service account that may create and delete."""
    cloud: GcsCloud = request.getfixturevalue("gcs_cloud")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    bucket = cloud.bucket("destination")
    key = cloud.account(bucket)
    monkeypatch.setenv("GCS_KEY", key)
    destination = GcsDestination(
        type="gcs",
        bucket=bucket,
        endpoint=cloud.url,
        prefix="a/b",
        service_account=Secret("GCS_KEY"),
    )
    secrets = (key, json.loads(key)["private_key"])
    return Opened(open_store("place", destination), lambda: cloud.objects(bucket), secrets)


def azure(request: pytest.FixtureRequest, folder: Path) -> Opened:
    """A container, for a SAS token that may read, write and delete."""
    cloud: AzureCloud = request.getfixturevalue("azure_cloud")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    container = cloud.container("destination")
    token = cloud.sas(container, "rwd")
    monkeypatch.setenv("AZURE_SAS", token)
    destination = AzureDestination(
        type="azure",
        container=container,
        endpoint=cloud.url,
        prefix="a/b",
        sas_token=Secret("AZURE_SAS"),
    )
    secrets = (token, token.split("sig=")[1].split("&")[0])
    return Opened(open_store("place", destination), lambda: cloud.objects(container), secrets)


STORES: Mapping[str, Callable[[pytest.FixtureRequest, Path], Opened]] = {
    "local": local,
    "s3": s3,
    "gcs": gcs,
    "azure": azure,
}


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Each store in turn."""
    return STORES[request.param](request, tmp_path)


@pytest.fixture
def file() -> Iterator[Path]:
    """A path to write to."""
    with TemporaryDirectory() as folder:
        yield Path(folder, "spooled")


def test_a_file_is_put_replaced_and_deleted(opened: Opened, file: Path) -> None:
    for data in (b"records", b"others, longer", b"", b"more"):
        file.write_bytes(data)
        opened.store.put("a/b/c.csv.gz", file)
        assert opened.objects() == {"a/b/c.csv.gz": data}
    opened.store.put("a/b/d.csv.gz", file)
    opened.store.delete("a/b/c.csv.gz")
    opened.store.delete("a/b/c.csv.gz")
    opened.store.delete("a/b/never.csv.gz")
    assert opened.objects() == {"a/b/d.csv.gz": b"more"}


@pytest.mark.parametrize("size", SIZES)
def test_files_of_any_size_arrive_as_they_are(opened: Opened, file: Path, size: int) -> None:
    data = os.urandom(size)
    file.write_bytes(data)
    opened.store.put("a/b/x", file)
    assert opened.objects() == {"a/b/x": data}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(key=KEYS, data=st.binary(max_size=20))
def test_every_name_that_a_spec_allows(opened: Opened, file: Path, key: str, data: bytes) -> None:
    file.write_bytes(data)
    opened.store.put(key, file)
    assert opened.objects()[key] == data
    assert unquote(opened.store.uri(key)).endswith(f"/{key}")
    opened.store.delete(key)
    assert key not in opened.objects()


def test_files_are_put_at_the_same_time(opened: Opened, file: Path) -> None:
    files = {f"a/b/{number}": file.with_name(f"f{number}") for number in range(12)}
    for key, path in files.items():
        path.write_bytes(key.encode() * 1000)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(opened.store.put, files, files.values()))
    assert opened.objects() == {key: key.encode() * 1000 for key in files}


def test_a_file_that_cannot_be_read_leaves_what_was_there(opened: Opened, file: Path) -> None:
    file.write_bytes(b"records")
    opened.store.put("a/b/x", file)
    with pytest.raises((AccessError, UnavailableError), match="'place'"):
        opened.store.put("a/b/x", file.with_name("missing"))
    assert opened.objects() == {"a/b/x": b"records"}


def test_a_probe_leaves_nothing(opened: Opened) -> None:
    opened.store.probe()
    opened.store.probe()
    assert opened.objects() == {}


def test_a_store_says_where_it_is_and_no_secret(opened: Opened) -> None:
    opened.store.probe()
    said = [repr(opened.store), opened.store.fingerprint, opened.store.uri("a/b/x")]
    assert opened.store.prefix == "a/b/"
    assert not [it for it in opened.secrets if any(it in text for text in said)]
