"""Each failure of GCS is one error of ours: who acts next, what was tried, what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evexport_dagster.errors import AccessError, SpecError, UnavailableError
from evexport_dagster.settings import GcsDestination
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores.gcs import GcsStore
from evexport_dagster_tests.clouds.gcs_cloud import CREATE, DELETE, LEAST, GcsCloud
from evexport_dagster_tests.clouds.gcs_places import secrets_of, store_at
from evexport_dagster_tests.clouds.places import BRIEF, BUCKET, DEAF, MEBI, random_file
from evexport_dagster_tests.clouds.process import free_port
from evexport_dagster_tests.clouds.telling import told

ANSWERS = {
    (401, "authError"): (AccessError, "does not know the credentials .*make a new key"),
    (403, "forbidden"): (AccessError, "permission to write is denied .*grant"),
    (403, "accountDisabled"): (AccessError, "account is disabled .*billing"),
    (403, "retentionPolicyNotMet"): (AccessError, "retention policy.*shorten"),
    (404, "notFound"): (AccessError, "bucket does not exist .*create it"),
    (400, "invalidParameter"): (AccessError, "refuses the request .*invalidParameter"),
    (412, "conditionNotMet"): (AccessError, "refuses the request .*ask"),
    (403, "rateLimitExceeded"): (UnavailableError, "asks for fewer requests .*tried again"),
    (429, "tooManyRequests"): (UnavailableError, "asks for fewer requests .*tried again"),
    (408, "uploadBrokenConnection"): (UnavailableError, r"failed \(408\).*tried again"),
    (500, "backendError"): (UnavailableError, r"failed \(500\).*tried again"),
    (507, "insufficientStorage"): (UnavailableError, r"failed \(507\).*tried again"),
    (403, "quotaExceeded"): (UnavailableError, "quota is used up.*raise.*tried again"),
    (403, "objectUnderActiveHold"): (AccessError, "by a hold.*release the hold"),
    (502, "badGateway"): (UnavailableError, r"failed \(502\).*tried again"),
    (503, "backendError"): (UnavailableError, r"failed \(503\).*tried again"),
    (504, "gatewayTimeout"): (UnavailableError, r"failed \(504\).*tried again"),
}
MALFORMED = {
    "": "not JSON",
    "AKIA": "not JSON",
    "[]": "not the JSON key of a service account",
    '{"type": "authorized_user", "private_key": "s3cr3t"}': "not the JSON key of a service account",
    '{"type": "service_account", "private_key": "s3cr3t"}': "lacks client_email, token_uri",
}
SMALL, LARGE = 1000, 2 * MEBI


@pytest.fixture
def key(gcs_cloud: GcsCloud) -> str:
    """The key of an account that may do what an export needs in a bucket."""
    return gcs_cloud.account(gcs_cloud.bucket(BUCKET))


@pytest.fixture(params=[SMALL, LARGE])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that goes in one request, and one that goes in chunks."""
    return random_file(tmp_path, request.param)[0]


@pytest.mark.parametrize(("status", "code"), ANSWERS)
def test_an_answer_is_one_error(
    gcs_cloud: GcsCloud,
    key: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
) -> None:
    kind, said = ANSWERS[status, code]
    file = random_file(tmp_path, SMALL)[0]
    gcs_cloud.faults({"path": "^/upload/", "status": status, "code": code})
    with told(kind, f"write gs://{BUCKET}/x.*{said}", caplog, *secrets_of(key)):
        store_at(gcs_cloud.url, key, BRIEF).put("x", file)
    assert gcs_cloud.keys(BUCKET) == []


@pytest.mark.parametrize("status", [s for s, _ in ANSWERS if s not in (401, 404)])
def test_an_answer_to_a_chunk_is_one_error(
    gcs_cloud: GcsCloud, key: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    code = next(code for known, code in ANSWERS if known == status)
    kind, said = ANSWERS[status, code]
    gcs_cloud.faults({"method": "PUT", "status": status, "code": code})
    with told(kind, said, caplog, *secrets_of(key)):
        store_at(gcs_cloud.url, key, BRIEF).put("x", random_file(tmp_path, LARGE)[0])
    assert gcs_cloud.keys(BUCKET) == []


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_key(caplog: pytest.LogCaptureFixture, text: str) -> None:
    environ = {"GCP_KEY": text or " "}
    destination = GcsDestination(type="gcs", bucket=BUCKET, service_account=Secret("GCP_KEY"))
    with told(AccessError, f"{MALFORMED[text]}.*make a new key", caplog, "s3cr3t"):
        GcsStore("acme", destination, environ).probe()


def test_a_key_whose_private_key_is_damaged(
    gcs_cloud: GcsCloud, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = json.loads(key)["private_key"].replace("A", "B")
    with told(AccessError, "private_key cannot be read", caplog, damaged.split("\n")[1]):
        store_at(gcs_cloud.url, gcs_cloud.key(private_key=damaged)).probe()


def test_a_variable_that_is_not_set() -> None:
    destination = GcsDestination(type="gcs", bucket=BUCKET, service_account=Secret("GCP_KEY"))
    with pytest.raises(SpecError, match="GCP_KEY is not set"):
        GcsStore("acme", destination, {}).probe()


def test_a_wrong_key(
    gcs_cloud: GcsCloud, key: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = gcs_cloud.key(1)
    store = store_at(gcs_cloud.url, wrong)
    for action in (store.probe, lambda: store.put("x", file), lambda: store.delete("x")):
        with told(AccessError, "wrong, or was deleted.*new key", caplog, *secrets_of(wrong)):
            action()


@pytest.mark.parametrize("state", ["deleted", "disabled"])
def test_an_account_that_is_gone(
    gcs_cloud: GcsCloud, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    key = gcs_cloud.account(gcs_cloud.bucket(BUCKET), *LEAST, state=state)
    with told(AccessError, "account does not exist or is disabled", caplog, *secrets_of(key)):
        store_at(gcs_cloud.url, key).probe()


def test_a_clock_that_is_wrong_is_nothing_for_the_bucket_s_owner(
    gcs_cloud: GcsCloud, caplog: pytest.LogCaptureFixture
) -> None:
    key = gcs_cloud.account(gcs_cloud.bucket(BUCKET), *LEAST, state="skewed")
    with told(UnavailableError, "clocks .*set the clock", caplog, *secrets_of(key)):
        store_at(gcs_cloud.url, key, BRIEF).delete("x")


def test_what_answers_is_not_google(
    gcs_cloud: GcsCloud, key: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("^/upload/", "^/token"):
        for said in ("<html>Sign in", "{}", ""):
            gcs_cloud.faults({"path": path, "status": 200, "html": said})
            with told(UnavailableError, ".*", caplog, *secrets_of(key)):
                store_at(gcs_cloud.url, key, BRIEF).put("x", file)
            assert gcs_cloud.keys(BUCKET) == []


@pytest.mark.parametrize("allowed", ["storage.objects.list", DELETE])
def test_an_account_that_may_not_write(
    gcs_cloud: GcsCloud, file: Path, caplog: pytest.LogCaptureFixture, allowed: str
) -> None:
    key = gcs_cloud.account(gcs_cloud.bucket(BUCKET), allowed)
    store = store_at(gcs_cloud.url, key)
    for action in (store.probe, lambda: store.put("x", file)):
        with told(AccessError, f"permission {CREATE} is denied", caplog, *secrets_of(key)):
            action()


def test_replacing_needs_more_than_writing(
    gcs_cloud: GcsCloud, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = gcs_cloud.account(gcs_cloud.bucket(BUCKET), CREATE)
    store = store_at(gcs_cloud.url, key)
    store.put("x", file)
    before = gcs_cloud.objects(BUCKET)
    said = f"permission {DELETE} is missing .*credentials themselves are good; grant .*{DELETE}"
    # The probe's object stays the first time, and cannot be replaced the second time.
    for action in (store.probe, store.probe, lambda: store.put("x", file)):
        with told(AccessError, said, caplog, *secrets_of(key)):
            action()
    with told(AccessError, f"remove gs://{BUCKET}/x.*{DELETE}", caplog, *secrets_of(key)):
        store.delete("x")
    assert gcs_cloud.objects(BUCKET).items() >= before.items()


def test_a_bucket_that_is_not_there(
    gcs_cloud: GcsCloud, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = gcs_cloud.account("nowhere")
    store = store_at(gcs_cloud.url, key, bucket="nowhere")
    for action in (store.probe, lambda: store.put("x", file)):
        with told(AccessError, "bucket does not exist", caplog, *secrets_of(key)):
            action()


@pytest.mark.parametrize(
    ("host", "said"), [("127.0.0.1", "no connection"), ("acme.invalid", "cannot be resolved")]
)
def test_nobody_is_there(
    gcs_cloud: GcsCloud,
    key: str,
    file: Path,
    caplog: pytest.LogCaptureFixture,
    host: str,
    said: str,
) -> None:
    port = free_port()
    with told(UnavailableError, said, caplog, *secrets_of(key)):
        store_at(f"http://{host}:{port}", key, BRIEF).put("x", file)


def test_nobody_gives_tokens(gcs_cloud: GcsCloud, caplog: pytest.LogCaptureFixture) -> None:
    gcs_cloud.account(gcs_cloud.bucket(BUCKET))
    key = gcs_cloud.key(token_uri=f"http://127.0.0.1:{free_port()}/token")
    with told(UnavailableError, "token service", caplog, *secrets_of(key)):
        store_at(gcs_cloud.url, key, BRIEF).delete("x")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"delay": 0.6, "status": 503}, "did not answer in time"),
        ({"cut_after": 100}, "connection to the store broke off"),
        ({"cut_response_after": 0}, "connection to the store broke off"),
    ],
)
def test_a_connection_that_fails(
    gcs_cloud: GcsCloud,
    key: str,
    file: Path,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, object],
    said: str,
) -> None:
    method = "POST" if file.stat().st_size == SMALL else "PUT"
    gcs_cloud.faults({"path": "^/upload/", "method": method, **fault})
    with told(UnavailableError, said, caplog, *secrets_of(key)):
        store_at(gcs_cloud.url, key, DEAF).put("x", file)


def test_deleting_what_is_not_there_is_no_error(gcs_cloud: GcsCloud, key: str) -> None:
    store_at(gcs_cloud.url, key).delete("never")


def test_what_is_no_error_of_the_store_stays_what_it_is(gcs_cloud: GcsCloud, key: str) -> None:
    with pytest.raises((TypeError, AttributeError)):
        store_at(gcs_cloud.url, key).put("x", None)  # type: ignore[arg-type]
