"""Each failure of S3 is one error of ours: who acts next, what was tried, what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from evexport_dagster.errors import AccessError, ExportError, UnavailableError
from evexport_dagster.stores.s3 import S3Store
from evexport_dagster_tests.clouds.places import BRIEF, BUCKET, DEAF, MEBI, random_file
from evexport_dagster_tests.clouds.process import Server, free_port
from evexport_dagster_tests.clouds.s3_cloud import ASSUMING, REGION, Keys, S3Cloud, bucket_policy
from evexport_dagster_tests.clouds.s3_places import exporter, store_at
from evexport_dagster_tests.clouds.telling import told

SOMEBODY = Keys("AKIASOMEBODY12345678", "secretOfSomebody/0123456789")
SIGNATURE = "f0e1d2c3b4a5f0e1d2c3b4a5f0e1d2c3b4a5f0e1d2c3b4a5f0e1d2c3b4a5f0e1"

ACCESS = {
    (403, "InvalidAccessKeyId"): "wrong access key .*check access_key_id",
    (403, "SignatureDoesNotMatch"): "wrong secret key .*check secret_access_key",
    (403, "AllAccessDisabled"): "access disabled .*enable access",
    (403, "AccountProblem"): "access disabled .*enable access",
    (403, "NotSignedUp"): "access disabled .*enable access",
    (404, "NoSuchBucket"): "bucket not found .*create the bucket",
    (403, "AccessDenied"): "permission denied .*allow s3:",
    (403, "Forbidden"): "permission denied .*allow s3:",
    (400, "ExpiredToken"): "session has expired .*renew the credentials",
    (400, "InvalidToken"): "wrong session token .*renew the credentials",
    (301, "PermanentRedirect"): "wrong region .*set region",
    (400, "AuthorizationHeaderMalformed"): "wrong region .*set region",
    (400, "IllegalLocationConstraintException"): "wrong region .*set region",
    (400, "KMS.DisabledException"): "KMS key .*kms:GenerateDataKey",
    (403, "QuotaExceeded"): "the store refused the request .*QuotaExceeded",
}
UNAVAILABLE = {
    (503, "SlowDown"): "asks for fewer requests .*tried again",
    (429, "TooManyRequests"): "asks for fewer requests .*tried again",
    (503, "ServiceUnavailable"): "asks for fewer requests .*tried again",
    (500, "InternalError"): "the store failed .*tried again",
    (400, "KMS.ThrottlingException"): "KMS key is busy .*tried again",
    (500, "KMS.KMSInternalException"): "KMS key is busy .*tried again",
    (307, "TemporaryRedirect"): "moving the bucket .*tried again",
    (502, "BadGateway"): "the store failed .*tried again",
    (400, "RequestTimeout"): "waited too long .*tried again",
    (400, "BadDigest"): "what arrived is not what was sent .*tried again",
    (404, "NoSuchUpload"): "forgot the upload .*tried again",
    (403, "RequestTimeTooSkewed"): "clocks .*set the clock",
}
CASES = [
    *((AccessError, status, code, said) for (status, code), said in ACCESS.items()),
    *((UnavailableError, status, code, said) for (status, code), said in UNAVAILABLE.items()),
]


@pytest.fixture
def keys(s3_cloud: S3Cloud) -> Keys:
    """A user who may do what an export needs."""
    return exporter(s3_cloud)


@pytest.fixture(scope="module")
def refusing(s3_server: Server) -> Iterator[tuple[S3Cloud, S3Store]]:
    """A server whose rules refuse before anything is looked at, and a store there."""
    cloud = S3Cloud(s3_server.url, SOMEBODY)
    yield cloud, store_at(cloud.url, SOMEBODY, hurry=BRIEF)
    cloud.faults()


def actions(store: S3Store, folder: Path) -> list[tuple[str, Callable[[], None]]]:
    """What can fail, and how it is called in an error."""
    small, _ = random_file(folder, 5)
    large, _ = random_file(folder, 17 * MEBI)
    return [
        ("list", store.probe),
        (f"write s3://{BUCKET}/a/small", lambda: store.put("a/small", small)),
        (f"write s3://{BUCKET}/a/large", lambda: store.put("a/large", large)),
        (f"remove s3://{BUCKET}/a/small", lambda: store.delete("a/small")),
    ]


@pytest.mark.parametrize(("kind", "status", "code", "said"), CASES)
def test_what_the_store_answers(
    refusing: tuple[S3Cloud, S3Store],
    caplog: pytest.LogCaptureFixture,
    kind: type[ExportError],
    status: int,
    code: str,
    said: str,
) -> None:
    cloud, store = refusing
    message = f"AWSAccessKeyId {SOMEBODY.id} SignatureProvided {SIGNATURE} {SOMEBODY.secret}"
    cloud.faults({"path": f"^/{BUCKET}", "status": status, "code": code, "message": message})
    with told(kind, said, caplog, SOMEBODY.id, SOMEBODY.secret, SIGNATURE):
        store.probe()


@pytest.mark.parametrize("code", ["AllAccessDisabled", "SlowDown"])
def test_every_action_says_what_was_tried(
    s3_cloud: S3Cloud, keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    store = store_at(s3_cloud.url, keys, patience=BRIEF, hurry=BRIEF)
    kind = AccessError if code == "AllAccessDisabled" else UnavailableError
    s3_cloud.faults(
        {"path": f"^/{BUCKET}", "status": 403 if kind is AccessError else 503, "code": code}
    )
    for tried, action in actions(store, tmp_path):
        with told(kind, f"could not {tried}.*{code}", caplog, keys.secret):
            action()


def test_a_key_that_nobody_has(
    s3_cloud: S3Cloud, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(s3_cloud.url, replace(keys, id="AKIAIOSFODNN7EXAMPLE"))
    with told(AccessError, "wrong access key", caplog, "AKIAIOSFODNN7EXAMPLE", keys.secret):
        store.probe()


def test_a_key_that_is_not_active(
    s3_cloud: S3Cloud, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    s3_cloud.iam().update_access_key(UserName=keys.user, AccessKeyId=keys.id, Status="Inactive")
    with told(AccessError, "wrong access key", caplog, keys.id, keys.secret):
        store_at(s3_cloud.url, keys).probe()


def test_a_secret_of_another_key(
    s3_cloud: S3Cloud, keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(s3_cloud.url, replace(keys, secret="wrongSecretKey/0123456789"))
    for _, action in actions(store, tmp_path):
        with told(AccessError, "wrong secret key", caplog, keys.id, "wrongSecretKey/0123456789"):
            action()


@pytest.mark.parametrize("wrong", ["id", "secret"])
def test_keys_that_may_not_assume_a_role(
    s3_cloud: S3Cloud, keys: Keys, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    role = s3_cloud.role("other", keys, bucket_policy(BUCKET))
    expected = {"id": "wrong access key", "secret": "wrong secret key"}[wrong]
    others = replace(keys, **{wrong: "AKIAIOSFODNN7EXAMPLE"})
    with told(AccessError, expected, caplog, others.id, others.secret):
        store_at(s3_cloud.url, others, role_arn=role).probe()


def test_a_bucket_that_is_not_there(
    s3_cloud: S3Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = bucket_policy("*", ["s3:*"])
    user = s3_cloud.user("all", policy)
    for _, action in actions(store_at(s3_cloud.url, user), tmp_path):
        with told(AccessError, "bucket not found", caplog, user.secret):
            action()


def test_a_session_that_has_expired(
    s3_cloud: S3Cloud,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    role = s3_cloud.role("other", keys, bucket_policy(BUCKET))
    s3_cloud.allow(keys.user, ASSUMING)
    session = s3_cloud.session(keys, role)
    for name, value in session.items():
        monkeypatch.setenv(name, value)
    store = store_at(s3_cloud.url, None)
    store.probe()
    s3_cloud.clock(4000)
    with told(AccessError, "session has expired", caplog, *session.values()):
        store.probe()


def test_no_credentials_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with told(AccessError, "no credentials", caplog, "Credential="):
        store_at(f"http://127.0.0.1:{free_port()}", None).probe()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with told(AccessError, "no credentials", caplog, "Credential="):
        store_at(f"http://127.0.0.1:{free_port()}", None).probe()


def test_nobody_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    store = store_at(nowhere, Keys("k", "s3cr3t"), patience=BRIEF, hurry=BRIEF)
    for _, action in actions(store, tmp_path):
        with told(UnavailableError, "cannot be reached .*check endpoint", caplog, "s3cr3t"):
            action()
    store = store_at("http://nowhere.invalid", Keys("k", "s3cr3t"), hurry=BRIEF)
    with told(UnavailableError, "cannot be reached", caplog, "s3cr3t"):
        store.probe()


def test_somebody_listens_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = store_at(url, Keys("k", "s3cr3t"), patience=DEAF, hurry=DEAF)
        for action in (store.probe, lambda: store.put("x", random_file(tmp_path, 1)[0])):
            with told(UnavailableError, "no answer in time .*check endpoint", caplog, "s3cr3t"):
                action()


def test_connections_that_always_break(
    s3_cloud: S3Cloud, keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(s3_cloud.url, keys, patience=BRIEF)
    s3_cloud.faults({"method": "PUT", "path": "", "cut_after": 1000})
    with told(UnavailableError, "connection broke off .*tried again", caplog, keys.secret):
        store.put("x", random_file(tmp_path, MEBI)[0])
    assert s3_cloud.objects(BUCKET) == {}


class SignInPage(BaseHTTPRequestHandler):
    """What a proxy may answer in the place of S3."""

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Sign in")

    do_PUT = do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_what_answers_is_not_s3(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SignInPage) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_port}"
        store = store_at(url, Keys("k", "s3cr3t"), patience=BRIEF, hurry=BRIEF)
        for tried, action in actions(store, tmp_path)[:3]:
            with told(UnavailableError, f"could not {tried}", caplog, "s3cr3t"):
                action()
        proxy.shutdown()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/small$"),
        ("POST", "uploads$"),
        ("PUT", "partNumber"),
        ("POST", "uploadId="),
        ("POST", "^/$"),
    ],
)
def test_an_answer_without_content_is_none(
    s3_cloud: S3Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    keys = exporter(s3_cloud)
    role = s3_cloud.role("other", keys, bucket_policy(BUCKET)) if path == "^/$" else None
    store = store_at(s3_cloud.url, keys, patience=BRIEF, hurry=BRIEF, role_arn=role)
    s3_cloud.faults({"method": method, "path": path, "status": 200})
    name, size = ("small", 5) if path == "/small$" else ("large", 17 * MEBI)
    with told(UnavailableError, f"could not write s3://{BUCKET}/a/{name}", caplog, keys.secret):
        store.put(f"a/{name}", random_file(tmp_path, size)[0])
    assert s3_cloud.objects(BUCKET) == {}


@pytest.mark.parametrize(
    "fields", [{"bucket": "arn:bucket"}, {"region": "-region"}, {"role_arn": "x"}]
)
def test_settings_that_no_store_can_have(
    caplog: pytest.LogCaptureFixture, fields: dict[str, Any]
) -> None:
    store = store_at("http://127.0.0.1:9", Keys("k", "s3cr3t"), hurry=BRIEF, **fields)
    with told(AccessError, "no such address .*check bucket, region", caplog, "s3cr3t"):
        store.probe()


def test_a_bucket_of_another_region(
    s3_cloud: S3Cloud, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"x-amz-bucket-region": REGION}
    s3_cloud.faults(
        {"path": f"^/{BUCKET}", "status": 301, "code": "PermanentRedirect", "headers": headers}
    )
    with told(AccessError, "wrong region", caplog, keys.secret):
        store_at(s3_cloud.url, keys, region="us-east-1").probe()
