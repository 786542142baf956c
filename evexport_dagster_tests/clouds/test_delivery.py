"""Exports to the clouds from end to end, with no more rights than the pages in `docs/` ask for."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from evexport_dagster.defs.launch import run_tasks
from evexport_dagster.errors import AccessError
from evexport_dagster_tests.clouds.homes import (
    BUCKET,
    MAKERS,
    SERIES,
    CloudHome,
    filled,
    home_at,
    s3_home,
)
from evexport_dagster_tests.clouds.s3_cloud import S3Cloud
from evexport_dagster_tests.defs.materialized import materializations
from evexport_dagster_tests.delivery.state import assert_delivered
from evexport_dagster_tests.handmade import at, event


@pytest.fixture(params=MAKERS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> CloudHome:
    """A project at each cloud in turn."""
    return filled(home_at(request.param, request, tmp_path))


@pytest.fixture
def s3(request: pytest.FixtureRequest, tmp_path: Path) -> CloudHome:
    """A project at S3."""
    return filled(home_at("s3", request, tmp_path))


def puts(cloud: S3Cloud) -> list[str]:
    """The keys of the objects that were put so far, in order, as often as they were."""
    log = [path for method, path, status, _ in cloud.log() if (method, status) == ("PUT", 200)]
    bucket = f"/{BUCKET}/"
    return [path.removeprefix(bucket) for path in log if path.startswith(bucket)]


def test_an_export_arrives_and_dagster_shows_where(home: CloudHome) -> None:
    home.spec(manifest=True)
    project = home.open()
    with dg.DagsterInstance.ephemeral() as instance:
        run_tasks(project, project.missing("purchases"), instance=instance)
        shown = materializations(instance, "purchases")
    assert {str(it.metadata["dagster/uri"].value)[: len(home.uri)] for it in shown} == {home.uri}
    objects = home.tree()
    (manifest,) = [json.loads(data) for key, data in home.objects().items() if key not in objects]
    assert {file["key"]: file["sha256"] for file in manifest["files"]} == {
        key: hashlib.sha256(data).hexdigest() for key, data in objects.items()
    }
    assert_delivered(home, SERIES)


def test_a_repetition_replaces_objects_and_names_those_it_could_not_remove(
    home: CloudHome, caplog: pytest.LogCaptureFixture
) -> None:
    home.run()
    before = home.tree()
    home.events([event("App Launched", at(0), n=6), event("Charged", at(0), n=7)])
    project = home.open()
    with caplog.at_level(logging.WARNING), dg.DagsterInstance.ephemeral() as instance:
        run_tasks(project, project.touched("purchases", at(0), None), instance=instance)
        made = materializations(instance, "purchases")
    (charged,) = [it for it in home.receipts() if it.event == "Charged"]
    (shown,) = [it.metadata for it in made if it.metadata["event"].value == "Charged"]
    stale = {key for key in before if "/Charged/" in key} - {it.key for it in charged.files}
    assert len(stale) == 2
    if home.uri.startswith("gs:"):
        # On Google, who may replace an object may remove it.
        assert set(home.tree()) == set(before) - stale
        assert charged.stale == ()
        assert "stale files" not in shown
    else:
        assert set(home.tree()) == set(before)
        assert {it.key for it in charged.stale} == stale
        named = shown["stale files"].value
        assert isinstance(named, list)
        assert {it.partition(f"/{BUCKET}/")[2] for it in named} == stale
        assert "2 of its files are out of date" in caplog.text


def test_what_may_be_removed_is(
    s3_cloud: S3Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = filled(s3_home(s3_cloud, tmp_path / "project", policy="tidy"))
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    home.run()
    home.events([event("Charged", at(0), n=7)])
    home.run(from_=at(0))
    assert_delivered(home, Counter(["7"]))
    home.close()


def test_a_run_that_broke_off_uploads_only_the_rest(s3: CloudHome, s3_cloud: S3Cloud) -> None:
    names = [f"event {number}" for number in range(20)]
    s3.now = at(3, 1)
    s3.events(event(name, at(day, 5), n=f"{name}/{day}") for name in names for day in range(3))
    s3.spec(events={"select": names})
    denied = {"method": "PUT", "path": "", "after": 40, "status": 403, "code": "AccessDenied"}
    s3_cloud.faults(denied)
    with pytest.raises(AccessError, match=r"'acme' could not write .*permission denied"):
        s3.run()
    first = puts(s3_cloud)
    assert (len(first), len(s3.receipts())) == (40, 40)
    s3_cloud.faults()
    s3.run()
    everything = puts(s3_cloud)
    assert everything[:40] == first
    assert len(everything) == len(set(everything)) == 60
    assert_delivered(s3, Counter(f"{name}/{day}" for name in names for day in range(3)))


def test_files_are_put_at_the_same_time_and_recorded_event_by_event(
    s3: CloudHome, s3_cloud: S3Cloud
) -> None:
    first = {"method": "PUT", "path": "Charged-.*-0-0", "status": 403, "code": "AccessDenied"}
    s3_cloud.faults({**first, "delay": 0.5})
    with pytest.raises(AccessError, match=r"-0-0\.csv\.gz: permission denied"):
        s3.run()
    # Nothing waited for the first file. Its event counts for nothing without it, the other does.
    assert len(s3.tree()) == 3
    assert [it.event for it in s3.receipts()] == ["App Launched"]
    s3_cloud.faults()
    s3.run()
    assert_delivered(s3, SERIES)


def test_a_manifest_that_is_denied_is_all_that_is_missing(s3: CloudHome, s3_cloud: S3Cloud) -> None:
    s3.spec(manifest=True)
    manifests = {"method": "PUT", "path": "/_manifest-", "status": 403, "code": "AccessDenied"}
    s3_cloud.faults(manifests)
    with pytest.raises(AccessError, match=r"write s3://acme-events/a/b/_manifest-.*: permission"):
        s3.run()
    assert len(s3.receipts()) == 2
    (row,) = s3.open().list()
    assert row.last_failure is not None
    assert row.last_failure.kind == "access"
    put = puts(s3_cloud)
    s3_cloud.faults()
    s3.run()
    (manifest,) = puts(s3_cloud)[len(put) :]
    assert "/_manifest-" in manifest
    assert_delivered(s3, SERIES)
