"""S3 with no more rights than an export needs, with roles, and with encryption."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from evexport_dagster.errors import AccessError, SpecError, UnavailableError
from evexport_dagster.spec.texts import Secret
from evexport_dagster_tests.clouds.places import BRIEF, BUCKET, MEBI, random_file
from evexport_dagster_tests.clouds.s3_cloud import ASSUMING, LEAST, Keys, S3Cloud, bucket_policy
from evexport_dagster_tests.clouds.s3_places import exporter, store_at


def test_the_server_denies_what_is_not_allowed(s3_cloud: S3Cloud) -> None:
    s3 = s3_cloud.s3(exporter(s3_cloud, "s3:ListBucket"))
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=BUCKET, Key="x", Body=b"")
    assert s3_cloud.objects(BUCKET) == {}


@pytest.mark.parametrize("size", [10, 40 * MEBI])
def test_listing_and_putting_are_enough(s3_cloud: S3Cloud, tmp_path: Path, size: int) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    path, data = random_file(tmp_path, size)
    store.put("a/x", path)
    store.put("a/x", path)
    assert s3_cloud.objects(BUCKET) == {"a/x": data}
    assert s3_cloud.uploads(BUCKET) == []
    assert "HEAD" not in {method for method, *_ in s3_cloud.log()}


def test_a_probe_that_may_not_delete_leaves_one_object_and_says_so(
    s3_cloud: S3Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud), prefix="in/here")
    store.probe()
    store.probe()
    assert list(s3_cloud.objects(BUCKET)) == ["in/here/.evexport-probe"]
    assert "s3:DeleteObject" in caplog.text


def test_deleting_is_refused_where_it_is_not_allowed(s3_cloud: S3Cloud) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud))
    with pytest.raises(AccessError, match="could not remove s3://acme-events/x: permission denied"):
        store.delete("x")


def test_an_upload_that_may_not_be_aborted_is_told(
    s3_cloud: S3Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud), patience=BRIEF)
    path, _ = random_file(tmp_path, 20 * MEBI)
    s3_cloud.faults({"method": "PUT", "path": "partNumber=2", "status": 500})
    with caplog.at_level(logging.WARNING), pytest.raises(UnavailableError, match="could not write"):
        store.put("a/x", path)
    assert s3_cloud.objects(BUCKET) == {}
    assert s3_cloud.uploads(BUCKET) == ["a/x"]
    assert "allow s3:AbortMultipartUpload" in caplog.text
    assert "AbortIncompleteMultipartUpload" in caplog.text


def test_an_upload_that_breaks_off_is_aborted_where_that_is_allowed(
    s3_cloud: S3Cloud, tmp_path: Path
) -> None:
    keys = exporter(s3_cloud, *LEAST, "s3:AbortMultipartUpload")
    store = store_at(s3_cloud.url, keys, patience=BRIEF)
    path, _ = random_file(tmp_path, 20 * MEBI)
    s3_cloud.faults(
        {"method": "PUT", "path": "partNumber=2", "status": 403, "code": "AccessDenied"}
    )
    with pytest.raises(AccessError, match="s3:PutObject"):
        store.put("a/x", path)
    assert s3_cloud.uploads(BUCKET) == []


@pytest.mark.parametrize(
    ("actions", "needed"),
    [(("s3:PutObject",), "s3:ListBucket"), (("s3:ListBucket",), "s3:PutObject")],
)
def test_a_probe_names_the_permission_that_is_missing(
    s3_cloud: S3Cloud, actions: tuple[str, ...], needed: str
) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud, *actions))
    with pytest.raises(AccessError, match=needed):
        store.probe()
    assert s3_cloud.objects(BUCKET) == {}


def test_objects_are_encrypted_by_the_key_that_is_named(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/7c0f2e3a-1111-2222-3333-444455556666"
    store = store_at(s3_cloud.url, exporter(s3_cloud), kms_key_id=key)
    for size in (10, 20 * MEBI):
        path, _ = random_file(tmp_path, size)
        store.put("x", path)
        told = s3_cloud.s3().head_object(Bucket=BUCKET, Key="x")
        assert (told["ServerSideEncryption"], told["SSEKMSKeyId"]) == ("aws:kms", key)


@pytest.fixture
def role(s3_cloud: S3Cloud) -> tuple[Keys, str]:
    """A user who may do nothing but assume the role that an external id opens; its ARN."""
    s3_cloud.bucket(BUCKET)
    user = s3_cloud.user("service", ASSUMING)
    return user, s3_cloud.role("exporter", user, bucket_policy(BUCKET), "acme")


def test_a_role_is_assumed_with_its_external_id(
    s3_cloud: S3Cloud, role: tuple[Keys, str], tmp_path: Path
) -> None:
    user, arn = role
    store = store_at(s3_cloud.url, user, role_arn=arn, external_id="acme")
    path, data = random_file(tmp_path, 10)
    store.put("x", path)
    assert s3_cloud.objects(BUCKET) == {"x": data}
    assert store.fingerprint == store_at(s3_cloud.url, None).fingerprint


@pytest.mark.parametrize("external", [{"external_id": "other"}, {}])
def test_a_role_is_not_assumed_without_its_external_id(
    s3_cloud: S3Cloud, role: tuple[Keys, str], external: dict[str, Any], tmp_path: Path
) -> None:
    user, arn = role
    store = store_at(s3_cloud.url, user, role_arn=arn, **external)
    for attempt in (store.probe, lambda: store.put("x", random_file(tmp_path, 1)[0])):
        with pytest.raises(AccessError, match=r"role cannot be assumed \(AccessDenied\).*external"):
            attempt()
    assert s3_cloud.objects(BUCKET) == {}


def test_a_role_outlives_its_session_in_the_middle_of_an_upload(
    s3_cloud: S3Cloud, role: tuple[Keys, str], tmp_path: Path
) -> None:
    user, arn = role
    store = store_at(s3_cloud.url, user, role_arn=arn, external_id="acme")
    path, data = random_file(tmp_path, 40 * MEBI)
    ended = {"method": "PUT", "path": "partNumber=3", "status": 400, "code": "ExpiredToken"}
    s3_cloud.faults({**ended, "times": 1})
    store.put("x", path)
    assert s3_cloud.objects(BUCKET) == {"x": data}
    sessions = {key for method, path, _, key in s3_cloud.log() if "partNumber" in path}
    assert len(sessions) > 1


def test_a_role_that_lives_an_hour_survives_an_upload_of_three(
    s3_cloud: S3Cloud, role: tuple[Keys, str], tmp_path: Path
) -> None:
    user, arn = role
    store = store_at(s3_cloud.url, user, role_arn=arn, external_id="acme")
    s3_cloud.faults({"method": "PUT", "path": "partNumber", "delay": 0.1})
    path, data = random_file(tmp_path, 6 * 16 * MEBI)
    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(store.put, "x", path)
        for hours in (1.1, 2.2, 3.3):
            parts = len(asked(s3_cloud, "partNumber"))
            while len(asked(s3_cloud, "partNumber")) == parts and not putting.done():
                time.sleep(0.01)
            s3_cloud.clock(hours * 3600)
        putting.result()
    assert s3_cloud.objects(BUCKET) == {"x": data}
    assert len(set(asked(s3_cloud, "partNumber"))) > 1


def asked(cloud: S3Cloud, path: str) -> list[str | None]:
    """The access key of each request to such a path."""
    return [key for _, asked, _, key in cloud.log() if path in asked]


def test_a_role_whose_sessions_end_at_once_is_refused(
    s3_cloud: S3Cloud, role: tuple[Keys, str], tmp_path: Path
) -> None:
    user, arn = role
    store = store_at(s3_cloud.url, user, role_arn=arn, external_id="acme")
    s3_cloud.faults({"method": "PUT", "path": "/x$", "status": 400, "code": "ExpiredToken"})
    with pytest.raises(AccessError, match="session has expired"):
        store.put("x", random_file(tmp_path, 1)[0])


def test_a_prefix_may_be_all_that_is_allowed(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    s3_cloud.bucket(BUCKET)
    allowed = [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/in/*"},
    ]
    keys = s3_cloud.user("guest", {"Version": "2012-10-17", "Statement": allowed})
    path, data = random_file(tmp_path, 17 * MEBI)
    store = store_at(s3_cloud.url, keys, prefix="in")
    store.probe()
    store.put("in/x", path)
    assert s3_cloud.objects(BUCKET)["in/x"] == data
    elsewhere = store_at(s3_cloud.url, keys)
    for attempt in (elsewhere.probe, lambda: elsewhere.put("x", path)):
        with pytest.raises(AccessError, match=r"permission denied .*s3:PutObject"):
            attempt()


def test_an_abort_that_fails_hides_nothing(
    s3_cloud: S3Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(s3_cloud.url, exporter(s3_cloud), patience=BRIEF, hurry=BRIEF)
    s3_cloud.faults(
        {"method": "PUT", "path": "partNumber=2", "status": 403, "code": "AccessDenied"},
        {"method": "DELETE", "path": "uploadId", "status": 500},
    )
    with pytest.raises(AccessError, match=r"could not write .*permission denied"):
        store.put("a/x", random_file(tmp_path, 20 * MEBI)[0])
    assert "could not abort the upload of s3://acme-events/a/x: the store failed" in caplog.text
    assert s3_cloud.objects(BUCKET) == {}


def test_neither_a_store_nor_its_roles_need_a_region(
    s3_cloud: S3Cloud, role: tuple[Keys, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    user, arn = role
    store_at(s3_cloud.url, user, region=None, role_arn=arn, external_id="acme").probe()
    assert list(s3_cloud.objects(BUCKET)) == [".evexport-probe"]


def test_secrets_are_read_when_they_are_needed(s3_cloud: S3Cloud) -> None:
    missing = Secret("EVEXPORT_TEST_MISSING")
    store = store_at(s3_cloud.url, None, access_key_id=missing, secret_access_key=missing)
    assert (store.prefix, store.uri("x")) == ("", "s3://acme-events/x")
    with pytest.raises(SpecError, match="EVEXPORT_TEST_MISSING is not set"):
        store.probe()
