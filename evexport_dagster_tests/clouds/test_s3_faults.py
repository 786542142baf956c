"""Uploads to S3 through storms: whole objects or none, and the right bytes in the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclone_api import BINARY_PATH

from evexport_dagster.errors import UnavailableError
from evexport_dagster.stores.s3.upload import MOST_PARTS, PART, part_size
from evexport_dagster_tests.clouds.places import BRIEF, BUCKET, MEBI, random_file
from evexport_dagster_tests.clouds.process import Server, free_port, running
from evexport_dagster_tests.clouds.rclone import read_back
from evexport_dagster_tests.clouds.s3_cloud import REGION, Keys, S3Cloud
from evexport_dagster_tests.clouds.s3_places import exporter, store_at

SLOW_DOWN = {"status": 503, "code": "SlowDown"}
KEYS = Keys("AKIAEXAMPLE", "secretExample")


def part(number: int) -> str:
    """The pattern of the requests that send a part."""
    return f"partNumber={number}(&|$)"


def test_a_large_file_arrives_through_many_faults(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    path, data = random_file(tmp_path, 104 * MEBI + 17)
    s3_cloud.faults(
        {"method": "POST", "path": "uploads$", "times": 1, **SLOW_DOWN},
        {"method": "PUT", "path": part(1), "times": 2, **SLOW_DOWN},
        {"method": "PUT", "path": part(2), "times": 1, "cut_after": 5 * MEBI},
        {"method": "PUT", "path": part(3), "times": 1, "cut_answer": True},
        {"method": "PUT", "path": part(4), "times": 1, "delay": 1},
        {"method": "PUT", "path": part(5), "times": 1, "status": 400, "code": "BadDigest"},
        {"method": "PUT", "path": part(6), "times": 1, "status": 500},
        {"method": "PUT", "path": part(7), "times": 1, "cut_after": 0},
        {"method": "POST", "path": "uploadId=", "times": 1, **SLOW_DOWN},
    )
    store.put("a/x", path)
    assert s3_cloud.objects(BUCKET) == {"a/x": data}
    assert s3_cloud.uploads(BUCKET) == []
    failed = [path for _, path, status, _ in s3_cloud.log() if "/a/x?" in path and status != 200]
    assert len(failed) == 8


def test_a_storm_of_refusals_is_sat_out(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    paths = [random_file(tmp_path, size) for size in range(110)]
    store.put("last", paths[0][0])
    s3_cloud.faults(*({"path": f"/{n}$", "times": 1, **SLOW_DOWN} for n in range(110)))
    with ThreadPoolExecutor(30) as pool:
        list(pool.map(store.put, map(str, range(110)), (path for path, _ in paths)))
    assert len(s3_cloud.objects(BUCKET)) == 111


@pytest.mark.parametrize("size", [5, 20 * MEBI])
def test_an_answer_that_is_lost_does_no_harm(s3_cloud: S3Cloud, tmp_path: Path, size: int) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    path, data = random_file(tmp_path, size)
    last = (
        {"method": "PUT", "path": "/x$"} if size == 5 else {"method": "POST", "path": "uploadId="}
    )
    s3_cloud.faults({**last, "times": 1, "cut_answer": True})
    store.put("a/x", path)
    assert s3_cloud.objects(BUCKET) == {"a/x": data}
    assert s3_cloud.uploads(BUCKET) == []


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_a_failure_that_is_told_after_the_status_is_one(
    s3_cloud: S3Cloud, tmp_path: Path, code: str
) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    path, data = random_file(tmp_path, 17 * MEBI)
    late = {"method": "POST", "path": "uploadId=", "status": 200, "code": code}
    s3_cloud.faults({**late, "times": 1})
    store.put("a/x", path)
    assert s3_cloud.objects(BUCKET) == {"a/x": data}
    s3_cloud.faults(late)
    with pytest.raises(UnavailableError):
        store_at(s3_cloud.url, s3_cloud.root, patience=BRIEF).put("a/y", path)
    assert s3_cloud.objects(BUCKET) == {"a/x": data}


def test_a_store_gets_the_time_it_asks_for(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    path, data = random_file(tmp_path, 5)
    busy = {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "1"}}
    s3_cloud.faults({"method": "PUT", "path": "/x$", "times": 1, **busy})
    begin = time.monotonic()
    store.put("x", path)
    assert time.monotonic() - begin >= 1
    assert s3_cloud.objects(BUCKET) == {"x": data}
    assert [status for _, path, status, _ in s3_cloud.log() if path.endswith("/x")][:2] == [
        429,
        200,
    ]


def test_answers_that_come_late_are_waited_for(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    path, data = random_file(tmp_path, 17 * MEBI)
    s3_cloud.faults({"path": "/x", "delay": 0.4})
    store.put("x", path)
    s3_cloud.faults()
    assert s3_cloud.objects(BUCKET) == {"x": data}


@pytest.mark.parametrize(
    "fault",
    [
        {"path": part(2), **SLOW_DOWN},
        {"path": part(2), "cut_after": MEBI},
        {"path": "uploadId=", "method": "POST", "status": 500},
        {"path": "uploads", "method": "POST", "status": 500},
    ],
)
def test_an_upload_that_fails_leaves_what_was_there(
    s3_cloud: S3Cloud, tmp_path: Path, fault: dict[str, Any]
) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud), patience=BRIEF)
    former, data = random_file(tmp_path, 10)
    store.put("a/x", former)
    s3_cloud.faults(fault)
    with pytest.raises(UnavailableError, match="could not write s3://acme-events/a/x"):
        store.put("a/x", random_file(tmp_path, 20 * MEBI)[0])
    assert s3_cloud.objects(BUCKET) == {"a/x": data}


def test_a_store_that_stores_something_else_is_found_out(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud), patience=BRIEF)
    wrong = {"status": 200, "headers": {"ETag": '"x"', "x-amz-checksum-crc32": "AAAAAA=="}}
    for size in (5, 20 * MEBI):
        s3_cloud.faults({"method": "PUT", "path": "/x", **wrong})
        with pytest.raises(UnavailableError, match="what arrived is not what was sent"):
            store.put("a/x", random_file(tmp_path, size)[0])
    wrong["headers"] = {"ETag": '"0123456789abcdef0123456789abcdef"'}
    s3_cloud.faults({"method": "PUT", "path": "/x", **wrong})
    with pytest.raises(UnavailableError, match="what arrived is not what was sent"):
        store.put("a/x", random_file(tmp_path, 5)[0])
    assert s3_cloud.objects(BUCKET) == {}


def test_a_reader_never_sees_a_part(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    store, s3 = store_at(s3_cloud.url, exporter(s3_cloud)), s3_cloud.s3()
    seen: set[int] = set()
    over = Event()

    def look() -> None:
        while not over.is_set():
            listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
            seen.update(it["Size"] for it in listed)

    s3_cloud.faults({"method": "PUT", "path": part(2), "times": 1, "cut_after": MEBI})
    reader = Thread(target=look)
    reader.start()
    try:
        for size in (5, 20 * MEBI, 6):
            store.put("x", random_file(tmp_path, size)[0])
    finally:
        over.set()
        reader.join()
    assert seen <= {5, 20 * MEBI, 6}


@given(st.integers(PART + 1, 5 * 10**12))
def test_no_file_needs_too_many_parts(size: int) -> None:
    each = part_size(size)
    assert PART <= each <= 5 << 30
    assert -(-size // each) <= MOST_PARTS


@pytest.fixture
def other_store(tmp_path: Path) -> Iterator[Server]:
    """Another store that speaks S3, with its objects as files below `objects`; it forgets uploads
    in parts when it ends."""
    objects = tmp_path / "objects"
    (objects / BUCKET).mkdir(parents=True)
    port = free_port()
    command = [str(BINARY_PATH), "serve", "s3", str(objects), "--addr", f"127.0.0.1:{port}"]
    options = ["-vv", "--auth-key", f"{KEYS.id},{KEYS.secret}"]
    with running("rclone", [*command, *options], port, tmp_path) as server:
        yield server


@pytest.mark.parametrize("size", [0, 5, 40 * MEBI + 1])
def test_another_store_takes_files_too(other_store: Server, tmp_path: Path, size: int) -> None:
    store = store_at(other_store.url, KEYS, prefix="in")
    path, data = random_file(tmp_path, size)
    store.probe()
    store.put("in/x", path)
    assert (tmp_path / "objects" / BUCKET / "in" / "x").read_bytes() == data


def test_a_store_that_comes_back_in_time_gets_the_file(other_store: Server, tmp_path: Path) -> None:
    store = store_at(other_store.url, KEYS)
    path, data = random_file(tmp_path, MEBI)
    other_store.stop()
    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(store.put, "x", path)
        time.sleep(0.5)
        other_store.start()
        putting.result()
    assert (tmp_path / "objects" / BUCKET / "x").read_bytes() == data


def test_a_store_that_dies_in_the_middle_gets_the_file_next_time(
    other_store: Server, tmp_path: Path
) -> None:
    store = store_at(other_store.url, KEYS)
    path, data = random_file(tmp_path, 80 * MEBI)
    target = tmp_path / "objects" / BUCKET / "x"
    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(store.put, "x", path)
        while "initiate multipart upload" not in other_store.log.read_text():
            assert not putting.done()
            time.sleep(0.01)
        other_store.stop()
        assert not target.exists()
        other_store.start()
        failure = putting.exception()
    # Killed before its answer to the first request was out, the store is simply asked again.
    assert failure is None or isinstance(failure, UnavailableError), failure
    assert target.exists() == (failure is None)
    store.put("x", path)
    assert target.read_bytes() == data


def test_another_client_finds_what_was_put(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud), prefix="in/here")
    put = {}
    for key, size in (("a=b/x.csv.gz", 0), ("a/y-1_2.json.gz", 7), ("z", 20 * MEBI + 1)):
        path, put[f"in/here/{key}"] = random_file(tmp_path, size)
        store.put(f"in/here/{key}", path)
    options = {
        "type": "s3",
        "provider": "Other",
        "endpoint": s3_cloud.url,
        "region": REGION,
        "access_key_id": s3_cloud.root.id,
        "secret_access_key": s3_cloud.root.secret,
    }
    assert read_back(tmp_path / "back", BUCKET, **options) == put
