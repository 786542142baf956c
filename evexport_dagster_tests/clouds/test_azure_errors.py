"""Each failure of Azure is one error of ours: who acts next, what was tried, what to do."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from evexport_dagster.errors import AccessError, SpecError, UnavailableError
from evexport_dagster.settings import AzureDestination
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores.azure import AzureStore
from evexport_dagster_tests.clouds.azure_cloud import ACCOUNT, AzureCloud
from evexport_dagster_tests.clouds.azure_places import secrets_of, store_at
from evexport_dagster_tests.clouds.places import BRIEF, BUCKET, DEAF, MEBI, random_file
from evexport_dagster_tests.clouds.process import free_port
from evexport_dagster_tests.clouds.telling import told

ANSWERS = {
    (403, "AccountIsDisabled"): (AccessError, "storage account is disabled.*ask its owner"),
    (404, "ContainerNotFound"): (AccessError, "container does not exist.*create it"),
    (409, "ContainerBeingDeleted"): (AccessError, "container does not exist.*create it"),
    (400, "InvalidResourceName"): (AccessError, "container does not exist.*correct `container`"),
    (403, "AuthorizationPermissionMismatch"): (AccessError, "no Write permission.*Read and Write"),
    (403, "AuthenticationFailed"): (AccessError, "not accepted: its signature is wrong"),
    (403, "AuthorizationFailure"): (AccessError, "signature is wrong.*network rules"),
    (403, "KeyVaultEncryptionKeyNotFound"): (AccessError, "key that encrypts.*owner"),
    (403, "AuthorizationSourceIPMismatch"): (AccessError, "not for the address of this machine"),
    (403, "AuthorizationProtocolMismatch"): (AccessError, "HTTPS only"),
    (403, "AuthorizationServiceMismatch"): (AccessError, "not allowed here"),
    (403, "UnauthorizedBlobOverwrite"): (AccessError, "no Write: it creates blobs"),
    (403, "KeyBasedAuthenticationNotPermitted"): (AccessError, "does not take SAS tokens"),
    (409, "BlobImmutableDueToPolicy"): (AccessError, "immutability policy.*release it"),
    (412, "LeaseIdMissing"): (AccessError, "a lease.*release it"),
    (400, "SomethingNew"): (AccessError, r"refuses the request \(400: SomethingNew\)"),
    (503, "ServerBusy"): (UnavailableError, "asks for fewer requests.*tried again"),
    (429, "TooManyRequests"): (UnavailableError, "asks for fewer requests.*tried again"),
    (500, "InternalError"): (UnavailableError, r"failed \(500\).*tried again"),
    (500, "OperationTimedOut"): (UnavailableError, r"failed \(500\).*tried again"),
    (507, "InsufficientStorage"): (UnavailableError, r"failed \(507\).*tried again"),
    (522, "ConnectionTimedOut"): (UnavailableError, r"failed \(522\).*tried again"),
    (502, "BadGateway"): (UnavailableError, r"failed \(502\).*tried again"),
    (400, "Md5Mismatch"): (UnavailableError, "received other bytes.*tried again"),
    (400, "InvalidBlockList"): (UnavailableError, "another upload.*tried again"),
}
MALFORMED = {
    "s3cr3t": "lacks sv, se, sp, sig",
    "?sv=2024-01-01&sig=s3cr3t": "lacks se, sp",
    "sv=2024-01-01&si=policy": "lacks sig",
    "https://acme.blob.core.windows.net/c?sv=1&se=2030-01-01&sp=rw&sig=s3cr3t": "it is a URL",
    "sv=2024-01-01&se=tomorrow&sp=rw&sig=s3cr3t": "`se` in it is no time",
    "sv=2024-01-01 &se=2030-01-01&sp=rw&sig=s3cr3t": "it has spaces",
}
SMALL, LARGE = 1000, 2 * MEBI


@pytest.fixture
def sas(azure_cloud: AzureCloud) -> str:
    """A token that may read and write in a container."""
    return azure_cloud.sas(azure_cloud.container(BUCKET))


@pytest.fixture(params=[SMALL, LARGE])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that goes in one request, and one that goes in blocks."""
    return random_file(tmp_path, request.param)[0]


@pytest.mark.parametrize(("status", "code"), ANSWERS)
def test_an_answer_is_one_error(
    azure_cloud: AzureCloud,
    sas: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
) -> None:
    kind, said = ANSWERS[status, code]
    # Every third of them as the answer to a block.
    file = random_file(tmp_path, LARGE if list(ANSWERS).index((status, code)) % 3 == 0 else SMALL)[
        0
    ]
    azure_cloud.faults({"status": status, "code": code})
    where = f"write {azure_cloud.url}/{BUCKET}/x"
    with told(kind, f"{where}.*{said}", caplog, *secrets_of(sas)):
        store_at(azure_cloud.url, sas, BRIEF).put("x", file)
    assert azure_cloud.keys(BUCKET) == []


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_token(caplog: pytest.LogCaptureFixture, text: str) -> None:
    store = store_at("http://127.0.0.1:1", text, BRIEF)
    with told(AccessError, f"malformed: .*{MALFORMED[text]}.*generate a SAS", caplog, "s3cr3t"):
        store.probe()


def test_a_variable_that_is_not_set() -> None:
    destination = AzureDestination(
        type="azure", account=ACCOUNT, container="c", sas_token=Secret("SAS")
    )
    with pytest.raises(SpecError, match="SAS is not set"):
        AzureStore("acme", destination, {}).probe()


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [(-2, -1, "has expired, on 20..-"), (1, 2, "not yet valid, only from 20..-.*wait until then")],
)
def test_a_token_outside_of_its_time(
    azure_cloud: AzureCloud,
    file: Path,
    caplog: pytest.LogCaptureFixture,
    starts: float,
    ends: float,
    said: str,
) -> None:
    sas = azure_cloud.sas(azure_cloud.container(BUCKET), "rwd", starts, ends)
    # Some servers answer in the front's words, Azurite in its own.
    for endpoint in (azure_cloud.url, f"{azure_cloud.upstream.url}/{ACCOUNT}"):
        store = store_at(endpoint, sas)
        for action in (store.probe, lambda it=store: it.put("x", file)):
            with told(AccessError, said, caplog, *secrets_of(sas)):
                action()


@pytest.mark.parametrize("permissions", ["r", "rl", "rd"])
def test_a_token_without_write(
    azure_cloud: AzureCloud, file: Path, caplog: pytest.LogCaptureFixture, permissions: str
) -> None:
    sas = azure_cloud.sas(azure_cloud.container(BUCKET), permissions)
    store = store_at(azure_cloud.url, sas)
    for action in (store.probe, lambda: store.put("x", file)):
        with told(AccessError, "no Write permission", caplog, *secrets_of(sas)):
            action()


def test_read_and_write_are_all_that_is_needed(
    azure_cloud: AzureCloud, sas: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(azure_cloud.url, sas)
    for _ in range(2):
        store.probe()
        store.put("x", file)
    with told(AccessError, "remove .*no Delete permission", caplog, *secrets_of(sas)):
        store.delete("x")
    assert azure_cloud.objects(BUCKET).items() >= {"x": file.read_bytes()}.items()
    assert {method for method, *_ in azure_cloud.log()} == {"PUT", "DELETE"}


def test_a_token_that_was_changed(
    azure_cloud: AzureCloud, sas: str, caplog: pytest.LogCaptureFixture
) -> None:
    changed = sas.replace("sp=rw", "sp=rwd")
    with told(AccessError, "its signature is wrong", caplog, *secrets_of(changed)):
        store_at(azure_cloud.url, changed).probe()


def test_a_container_that_is_not_there(
    azure_cloud: AzureCloud, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sas = azure_cloud.sas("nowhere", "rwd")
    store = store_at(azure_cloud.url, sas, container="nowhere")
    for action in (store.probe, lambda: store.put("x", file), lambda: store.delete("x")):
        with told(AccessError, "container does not exist", caplog, *secrets_of(sas)):
            action()


@pytest.mark.parametrize(
    ("host", "said"), [("127.0.0.1", "no connection"), ("acme.invalid", "cannot be resolved")]
)
def test_nobody_is_there(
    sas: str, file: Path, caplog: pytest.LogCaptureFixture, host: str, said: str
) -> None:
    with told(UnavailableError, said, caplog, *secrets_of(sas)):
        store_at(f"http://{host}:{free_port()}", sas, BRIEF).put("x", file)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"delay": 0.6, "status": 503}, "did not answer in time"),
        ({"cut_after": 100}, "connection to the store broke off"),
        ({"cut_response_after": 0}, "connection to the store broke off"),
    ],
)
def test_a_connection_that_fails(
    azure_cloud: AzureCloud,
    sas: str,
    file: Path,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, object],
    said: str,
) -> None:
    azure_cloud.faults(fault)
    with told(UnavailableError, said, caplog, *secrets_of(sas)):
        store_at(azure_cloud.url, sas, DEAF).put("x", file)


def test_what_answers_is_not_azure(
    azure_cloud: AzureCloud, sas: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for status in (200, 302):
        azure_cloud.faults({"status": status, "html": "<html>Sign in"})
        with told(UnavailableError, "what answers is not Azure", caplog, *secrets_of(sas)):
            store_at(azure_cloud.url, sas, BRIEF).put("x", file)
        assert azure_cloud.keys(BUCKET) == []


def test_a_token_that_ends_in_the_middle_of_an_upload(
    azure_cloud: AzureCloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, _ = random_file(tmp_path, 12 * MEBI)
    sas = azure_cloud.sas(azure_cloud.container(BUCKET), ends=3 / 3600)
    azure_cloud.faults({"path": "comp=block&", "throttle": 2 * MEBI})
    with told(AccessError, "the SAS token has expired, on 20", caplog, *secrets_of(sas)):
        store_at(azure_cloud.url, sas).put("x", path)
    assert {status for *_, status in azure_cloud.log()} == {201, 403}
    assert azure_cloud.keys(BUCKET) == []


def test_no_log_shows_a_signature(
    azure_cloud: AzureCloud, sas: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        store_at(azure_cloud.url, f"?{sas}").put("x", file)
    assert "urllib3.connectionpool" in {it.name for it in caplog.records}
    assert f"/{BUCKET}/x" in caplog.text
    assert secrets_of(sas)[1] not in caplog.text
