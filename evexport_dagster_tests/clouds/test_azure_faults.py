"""Whole or absent, whatever happens on the way to Azure."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.errors import UnavailableError
from evexport_dagster.stores.azure import blocks
from evexport_dagster.stores.azure.blocks import MOST_BLOCKS, SMALLEST, cut
from evexport_dagster.stores.retries import Patience
from evexport_dagster_tests.clouds.azure_cloud import AzureCloud
from evexport_dagster_tests.clouds.azure_places import store_at
from evexport_dagster_tests.clouds.places import BRIEF, BUCKET, MEBI, random_file
from evexport_dagster_tests.clouds.rclone import read_back

BLOCK_SIZE = 3 * MEBI
SMALL, LARGE = 100_000, 2 * BLOCK_SIZE + 1
BLOCK, LIST = {"path": "comp=block&"}, {"path": "comp=blocklist"}
STORM = {"status": 503, "code": "ServerBusy", "times": 3}
PASSING: Sequence[tuple[dict[str, Any], ...]] = (
    (STORM,),
    ({"status": 500, "code": "InternalError", "times": 2},),
    ({"cut_after": 10, "times": 2},),
    ({"cut_response_after": 0, "times": 2},),
    ({"corrupt": True, "times": 1},),
    ({**BLOCK, "cut_after": 2 * MEBI, "times": 4},),
    ({**BLOCK, "after": 1, **STORM},),
    ({**BLOCK, "cut_response_after": 0, "times": 3},),
    ({**BLOCK, "corrupt": True, "times": 2},),
    ({**LIST, **STORM},),
    ({**LIST, "cut_after": 10, "times": 1},),
    ({**LIST, "cut_response_after": 0, "times": 1},),
    ({**BLOCK, "cut_after": MEBI, "times": 1}, {**LIST, **STORM}),
)
LASTING: Sequence[dict[str, Any]] = (
    {"status": 503, "code": "ServerBusy"},
    {"cut_after": 10},
    {**BLOCK, "after": 2, "cut_after": 0},
    {**BLOCK, "corrupt": True},
    {**LIST, "status": 500, "code": "InternalError"},
    {**LIST, "cut_response_after": 0},
)


@pytest.fixture
def sas(azure_cloud: AzureCloud) -> str:
    """A token that may read and write in a container."""
    return azure_cloud.sas(azure_cloud.container(BUCKET))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that are quick to send, where what matters is that there are several."""
    monkeypatch.setattr(blocks, "SMALLEST", BLOCK_SIZE)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("rules", PASSING)
def test_what_passes_is_overcome(
    azure_cloud: AzureCloud, sas: str, tmp_path: Path, rules: Sequence[dict[str, Any]]
) -> None:
    # One request for a small file; blocks for a large one.
    path, data = random_file(tmp_path, LARGE if "path" in rules[0] else SMALL)
    azure_cloud.faults(*rules)
    store_at(azure_cloud.url, sas).put("a/x", path)
    assert azure_cloud.objects(BUCKET) == {"a/x": data}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("rule", LASTING)
def test_what_does_not_pass_leaves_a_whole_object(
    azure_cloud: AzureCloud, sas: str, tmp_path: Path, rule: dict[str, Any]
) -> None:
    small, old = random_file(tmp_path, SMALL)
    store_at(azure_cloud.url, sas).put("x", small)
    large, new = random_file(tmp_path, LARGE)
    azure_cloud.faults(rule)
    with pytest.raises(UnavailableError):
        store_at(azure_cloud.url, sas, BRIEF).put("x", large)
    # Where only answers are lost, the object is the new one.
    assert azure_cloud.objects(BUCKET) == {"x": new if "cut_response_after" in rule else old}
    azure_cloud.faults()
    store_at(azure_cloud.url, sas).put("x", large)
    assert azure_cloud.objects(BUCKET) == {"x": new}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("size", "rule"), [(0, {}), (SMALL, {}), (LARGE, LIST)])
def test_a_success_that_the_store_did_not_tell_of_is_none(
    azure_cloud: AzureCloud, sas: str, tmp_path: Path, size: int, rule: dict[str, Any]
) -> None:
    path, data = random_file(tmp_path, size)
    from_a_proxy = {**rule, "status": 201, "html": ""}
    azure_cloud.faults(from_a_proxy)
    with pytest.raises(UnavailableError, match="not Azure Blob Storage"):
        store_at(azure_cloud.url, sas, BRIEF).put("x", path)
    azure_cloud.faults({**from_a_proxy, "times": 1})
    store_at(azure_cloud.url, sas).put("x", path)
    assert azure_cloud.objects(BUCKET) == {"x": data}


def test_a_store_gets_the_time_it_asks_for(
    azure_cloud: AzureCloud, sas: str, tmp_path: Path
) -> None:
    path, data = random_file(tmp_path, SMALL)
    azure_cloud.faults({**STORM, "times": 1, "headers": {"Retry-After": "1"}})
    begin = time.monotonic()
    store_at(azure_cloud.url, sas).put("x", path)
    assert time.monotonic() - begin >= 1
    assert azure_cloud.objects(BUCKET) == {"x": data}


def test_uploads_of_one_blob_never_mix(azure_cloud: AzureCloud, sas: str, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1" * LARGE)
    other.write_bytes(b"2" * LARGE)
    store = store_at(azure_cloud.url, sas)
    azure_cloud.faults({**BLOCK, "throttle": 16 * MEBI})

    with ThreadPoolExecutor(2) as pool:
        puts = [pool.submit(store.put, "x", path) for path in (one, other)]
    failed = [error for put in puts if (error := put.exception()) is not None]
    assert all(isinstance(it, UnavailableError) and "another upload" in str(it) for it in failed)
    assert azure_cloud.objects(BUCKET)["x"] in (one.read_bytes(), other.read_bytes())


def test_a_slow_link_is_slow_and_nothing_else(
    azure_cloud: AzureCloud, sas: str, tmp_path: Path
) -> None:
    path, data = random_file(tmp_path, 6 * MEBI)
    azure_cloud.faults({**BLOCK, "throttle": 4 * MEBI})
    store_at(azure_cloud.url, sas, Patience(total=0.1, first=0.1, answer=1)).put("x", path)
    assert azure_cloud.objects(BUCKET) == {"x": data}


def test_the_server_goes_away_and_comes_back(
    azure_cloud: AzureCloud, sas: str, tmp_path: Path
) -> None:
    path, data = random_file(tmp_path, LARGE)
    azure_cloud.faults({**BLOCK, "throttle": 16 * MEBI})
    upload = Thread(target=store_at(azure_cloud.url, sas).put, args=("x", path))
    upload.start()
    time.sleep(0.3)
    azure_cloud.front.stop()
    time.sleep(0.5)
    azure_cloud.front.start()
    upload.join()
    assert azure_cloud.objects(BUCKET) == {"x": data}


def test_nothing_is_asked_but_to_put(azure_cloud: AzureCloud, sas: str, tmp_path: Path) -> None:
    store = store_at(azure_cloud.url, sas)
    for size in (SMALL, LARGE):
        store.put("x", random_file(tmp_path, size)[0])
    assert {(method, status) for method, _, status in azure_cloud.log()} == {("PUT", 201)}


def test_rclone_reads_what_was_written(azure_cloud: AzureCloud, sas: str, tmp_path: Path) -> None:
    written = {}
    store = store_at(azure_cloud.url, sas, prefix="lake")
    for name, size in {"a/b c=1.csv.gz": 0, "App-Launched/x.json.gz": SMALL, "ü": LARGE}.items():
        path, written[name] = random_file(tmp_path, size)
        store.put(f"lake/{name}", path)
    url = f"{azure_cloud.url}/{BUCKET}?{azure_cloud.sas(BUCKET, 'rl')}"
    options = {"type": "azureblob", "sas_url": url}
    place = f"{BUCKET}/lake"
    assert read_back(tmp_path / "back", place, **options) == written
    hashes = {
        key: base64.b64encode(hashlib.md5(it).digest()).decode() for key, it in written.items()
    }
    assert azure_cloud.md5s(BUCKET) == {f"lake/{key}": it for key, it in hashes.items()}


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5 << 40))
@example(5 << 40)
@example(SMALLEST * MOST_BLOCKS)
@example(SMALLEST * MOST_BLOCKS + 1)
def test_a_file_of_any_size_has_blocks_enough(size: int) -> None:
    made = cut(size)
    assert len(made) <= MOST_BLOCKS
    assert len({len(it.id) for it in made}) == 1
    assert [it.start for it in made] == [0, *(it.end for it in made[:-1])]
    assert made[-1].end == size
    assert max(it.end - it.start for it in made) <= max(SMALLEST, size // MOST_BLOCKS + MEBI)
