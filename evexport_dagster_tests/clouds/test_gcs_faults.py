"""Whole or absent, whatever happens on the way to GCS, and with the least rights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from evexport_dagster.errors import UnavailableError
from evexport_dagster.stores.gcs import upload
from evexport_dagster.stores.gcs.upload import Session
from evexport_dagster.stores.retries import Patience
from evexport_dagster_tests.clouds.gcs_cloud import GcsCloud, gcs
from evexport_dagster_tests.clouds.gcs_places import store_at
from evexport_dagster_tests.clouds.places import BRIEF, BUCKET, MEBI, STEADY, random_file
from evexport_dagster_tests.clouds.rclone import read_back

CHUNK = 3 * MEBI
SMALL, LARGE = 100_000, CHUNK + 2 * MEBI + 1
STORM = {"path": "^/upload/", "status": 503, "times": 3}
PASSING: Sequence[tuple[dict[str, Any], ...]] = (
    (STORM,),
    ({"path": "^/upload/", "status": 429, "code": "rateLimitExceeded", "times": 3},),
    ({"path": "^/token", "status": 503, "times": 1},),
    ({"path": "^/upload/", "method": "POST", "cut_after": 10, "times": 2},),
    ({"path": "^/upload/", "method": "POST", "cut_response_after": 0, "times": 2},),
    ({"path": "^/upload/", "corrupt": True, "times": 1},),
    ({"method": "PUT", "cut_after": 2 * MEBI, "times": 3},),
    ({"method": "PUT", "after": 1, "cut_after": MEBI, "times": 3},),
    ({"method": "PUT", "after": 1, **STORM},),
    ({"method": "PUT", "cut_response_after": 0, "times": 1},),
    ({"method": "PUT", "after": 1, "cut_response_after": 0, "times": 1},),
    ({"method": "PUT", "status": 404, "code": "notFound", "times": 2},),
    ({"method": "PUT", "status": 410, "code": "gone", "after": 1, "times": 1},),
    ({"method": "PUT", "corrupt": True, "times": 1},),
    ({"method": "PUT", "cut_after": MEBI, "times": 1}, {"method": "PUT", **STORM}),
)
LASTING: Sequence[dict[str, Any]] = (
    {"status": 503},
    {"path": "^/upload/", "cut_after": 1000},
    {"path": "^/upload/", "method": "PUT", "after": 1, "cut_after": MEBI},
    {"path": "^/upload/", "method": "PUT", "after": 1, "status": 500},
    {"path": "^/upload/", "corrupt": True},
    {"path": "^/upload/", "cut_response_after": 0},
)


@pytest.fixture
def key(gcs_cloud: GcsCloud) -> str:
    """The key of an account that may do what an export needs in a bucket."""
    return gcs_cloud.account(gcs_cloud.bucket(BUCKET))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that are quick to send, where what matters is that there are several."""
    monkeypatch.setattr(upload, "CHUNK", CHUNK)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("rules", PASSING)
def test_what_passes_is_overcome(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path, rules: Sequence[dict[str, Any]]
) -> None:
    # One request for a small file; chunks for a large one.
    path, data = random_file(tmp_path, LARGE if rules[0].get("method") == "PUT" else SMALL)
    gcs_cloud.faults(*rules)
    store_at(gcs_cloud.url, key).put("a/x", path)
    assert gcs_cloud.objects(BUCKET) == {"a/x": data}


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("repeats", ["ignore", "append"])
@pytest.mark.parametrize("rule", LASTING)
def test_what_does_not_pass_leaves_a_whole_object(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path, rule: dict[str, Any], repeats: str
) -> None:
    gcs_cloud.repeats(repeats)
    store = store_at(gcs_cloud.url, key, BRIEF)
    small, old = random_file(tmp_path, SMALL)
    store.put("x", small)
    large, new = random_file(tmp_path, LARGE)
    gcs_cloud.faults(rule)
    with pytest.raises(UnavailableError):
        store.put("x", large)
    # Where only answers are lost, the object can be the new one.
    assert gcs_cloud.objects(BUCKET) in ({"x": old}, {"x": new})
    if "cut_response_after" not in rule:
        assert gcs_cloud.objects(BUCKET) == {"x": old}
    gcs_cloud.faults()
    store_at(gcs_cloud.url, key).put("x", large)
    assert gcs_cloud.objects(BUCKET) == {"x": new}


@pytest.mark.usefixtures("small_chunks")
def test_a_lost_answer_never_doubles_bytes(gcs_cloud: GcsCloud, key: str, tmp_path: Path) -> None:
    path, data = random_file(tmp_path, LARGE)
    gcs_cloud.repeats("append")
    gcs_cloud.faults({"method": "PUT", "cut_response_after": 0, "times": 1})
    store_at(gcs_cloud.url, key).put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}
    begun = [path for method, path, _ in gcs_cloud.log() if "uploadType=resumable" in path]
    assert len({it for it in begun if "upload_id" not in it}) == 1


@pytest.mark.usefixtures("small_chunks")
def test_google_gets_a_chunk_again_and_not_the_file(gcs_cloud: GcsCloud, tmp_path: Path) -> None:
    gcs_cloud.bucket(BUCKET)
    path, data = random_file(tmp_path, LARGE)
    transport = AuthorizedSession(AnonymousCredentials())
    begin = f"{gcs_cloud.url}/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable"
    url = transport.post(begin, json={"name": "x"}).headers["Location"]
    gcs_cloud.faults({"method": "PUT", "cut_response_after": 0, "times": 1})
    with path.open("rb") as file:
        stored = Session(transport, url, ignores_repeated_bytes=True).send(file, LARGE, STEADY)
    assert int(stored["size"]) == LARGE
    assert gcs_cloud.objects(BUCKET) == {"x": data}
    assert [method for method, *_ in gcs_cloud.log()] == ["PUT"] * 3


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("keeps", [MEBI, 2 * MEBI, CHUNK - (256 << 10)])
def test_a_store_that_keeps_less_gets_the_rest_again(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path, keeps: int
) -> None:
    path, data = random_file(tmp_path, LARGE)
    gcs_cloud.keeps(keeps)
    store_at(gcs_cloud.url, key).put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}
    statuses = [status for method, _, status in gcs_cloud.log() if method == "PUT"]
    assert statuses == [308] * ((LARGE - 1) // keeps) + [200]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("told", [{"Range": "bytes=0-0"}, {"Range": f"bytes=0-{LARGE}"}, {}])
def test_a_store_that_lost_count_gets_the_file_anew(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path, told: dict[str, str]
) -> None:
    path, data = random_file(tmp_path, LARGE)
    gcs_cloud.faults({"method": "PUT", "after": 1, "status": 308, "headers": told, "times": 1})
    store_at(gcs_cloud.url, key).put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}


@pytest.mark.usefixtures("small_chunks")
def test_a_store_that_keeps_nothing_is_asked_again_and_then_left(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path
) -> None:
    path, data = random_file(tmp_path, LARGE)
    stuck = {"status": 308, "headers": {"Range": f"bytes=0-{CHUNK - 1}"}}
    gcs_cloud.faults({"method": "PUT", "after": 1, "times": 2, **stuck})
    store_at(gcs_cloud.url, key).put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}
    gcs_cloud.faults({"method": "PUT", "after": 1, **stuck})
    with pytest.raises(UnavailableError, match="keeps nothing of what it is sent"):
        store_at(gcs_cloud.url, key, BRIEF).put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_token_that_ends_on_the_way_is_renewed(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path, size: int
) -> None:
    path, data = random_file(tmp_path, size)
    store = store_at(gcs_cloud.url, key)
    store.put("first", path)
    method = "POST" if size == SMALL else "PUT"
    gcs_cloud.faults({"path": "^/upload/", "method": method, "status": 401, "times": 1})
    store.put("x", path)
    assert gcs_cloud.objects(BUCKET)["x"] == data
    assert "/token" in {path for _, path, _ in gcs_cloud.log()}


def test_a_chunk_that_breaks_off_is_all_that_is_sent_again(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path
) -> None:
    # What is left to send must be more than the kernel takes at once.
    path, data = random_file(tmp_path, 2 * upload.CHUNK)
    gcs_cloud.faults({"method": "PUT", "after": 1, "cut_after": 100_000, "times": 2})
    store_at(gcs_cloud.url, key).put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}
    statuses = [status for method, _, status in gcs_cloud.log() if method == "PUT"]
    assert statuses.count(308) == statuses.count(200) == 1


def test_a_slow_link_is_slow_and_nothing_else(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path
) -> None:
    path, data = random_file(tmp_path, 6 * MEBI)
    gcs_cloud.faults({"method": "PUT", "throttle": 4 * MEBI})
    store_at(gcs_cloud.url, key, Patience(total=0.1, first=0.1, answer=1)).put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}


def test_the_server_dies_and_comes_back(tmp_path: Path) -> None:
    path, data = random_file(tmp_path, 8 * MEBI)
    root = tmp_path / "root"
    with gcs(tmp_path, ("-backend", "filesystem", "-filesystem-root", str(root))) as cloud:
        key = cloud.account(cloud.bucket(BUCKET))
        store = store_at(cloud.url, key)
        cloud.faults({"method": "PUT", "throttle": 8 * MEBI, "times": 1})
        upload = Thread(target=store.put, args=("x", path))
        upload.start()
        time.sleep(0.5)
        cloud.upstream.stop()
        time.sleep(0.5)
        cloud.upstream.start()
        upload.join()
        assert cloud.objects(BUCKET) == {"x": data}


@pytest.mark.usefixtures("small_chunks")
def test_nothing_is_asked_but_what_the_least_rights_allow(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path
) -> None:
    path, data = random_file(tmp_path, LARGE)
    store = store_at(gcs_cloud.url, key)
    store.probe()
    store.put("x", path)
    assert gcs_cloud.objects(BUCKET) == {"x": data}
    asked = {(method, status) for method, _, status in gcs_cloud.log()}
    assert asked == {("POST", 200), ("PUT", 308), ("PUT", 200), ("DELETE", 200)}


def test_rclone_reads_what_was_written(gcs_cloud: GcsCloud, key: str, tmp_path: Path) -> None:
    written = {}
    store = store_at(gcs_cloud.url, key, prefix="lake")
    for name, size in {"a/b c=1.csv.gz": 0, "App-Launched/x.json.gz": SMALL, "ü": LARGE}.items():
        path, written[name] = random_file(tmp_path, size)
        store.put(f"lake/{name}", path)
    gcs_cloud.accounts({})
    endpoint = f"{gcs_cloud.url}/storage/v1/"
    options = {"type": "gcs", "anonymous": "true", "endpoint": endpoint}
    assert read_back(tmp_path / "back", f"{BUCKET}/lake", **options) == written
