"""Wrong credentials: told before anything is created, and seen in nothing that a run leaves."""

import datetime as dt
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster_aws.s3 import S3Resource
from dagster_azure.blob import AzureBlobStorageResource
from dagster_gcp.gcs import GCSResource

from evexport_dagster.definitions import definitions
from evexport_dagster_tests.cli.conftest import run_cli
from evexport_dagster_tests.clouds.homes import BUCKET, MAKERS, CloudHome, home_at
from evexport_dagster_tests.handmade import event, one_time

TOLD = {
    "s3": "wrong secret key (SignatureDoesNotMatch); check secret_access_key",
    "gcs": "this key of the service account is wrong, or was deleted; make a new key",
    "azure": "the SAS token has expired",
}


@pytest.fixture(params=MAKERS)
def cloud(request: pytest.FixtureRequest) -> str:
    """Each cloud in turn."""
    name: str = request.param
    return name


@pytest.fixture
def home(cloud: str, request: pytest.FixtureRequest, tmp_path: Path) -> CloudHome:
    """A project whose credential of the destination is wrong."""
    return arranged(home_at(cloud, request, tmp_path, wrong=True))


def arranged(home: CloudHome) -> CloudHome:
    """One window of one event, long ended."""
    home.now = dt.datetime.now(dt.UTC)
    day = home.now.date() - dt.timedelta(days=3)
    home.events([event("Charged", dt.datetime.combine(day, dt.time(5), dt.UTC), n=1)])
    home.spec(events={"select": ["Charged"]}, schedule=one_time(str(day), str(day)))
    return home


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance that nothing has happened in: to make one takes seconds."""
    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}", encoding="utf-8")
    with dg.DagsterInstance.local_temp(str(home)) as made:
        made.get_runs()
    return home


@pytest.fixture
def dagster_home(fresh_home: Path, tmp_path: Path) -> Path:
    """The folder of an instance of the test's own."""
    return Path(shutil.copytree(fresh_home, tmp_path / "dagster_home"))


def left_behind(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a project and what it holds."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()


def test_a_wrong_credential_is_told_and_nothing_left_shows_it(
    cloud: str, home: CloudHome, dagster_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = ("purchases", "--project", home.folder)
    with caplog.at_level(logging.INFO):
        checked = run_cli("check", *place)
        assert not home.open().list()[0].export_id
        ran = run_cli("run", "--debug", *place, DAGSTER_HOME=str(dagster_home))
    for code, said in ((checked.code, checked.out), (ran.code, ran.err)):
        assert code == 1
        assert "destination 'acme' could not " in said
        assert TOLD[cloud] in " ".join(said.split())
    assert home.tree() == {}
    texts = [checked.out, checked.err, ran.out, ran.err, caplog.text]
    left = {**dict(left_behind(home.folder)), **dict(left_behind(dagster_home))}
    assert {"ledger.db", "runs.db"} <= left.keys()
    assert not [
        (name, secret)
        for name, data in [*left.items(), *(("text", text.encode()) for text in texts)]
        for secret in home.secrets
        if secret.encode() in data
    ]


def test_other_assets_can_use_the_same_access(
    cloud: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home = home_at(cloud, request, tmp_path)
    home.spec()
    defs = dg.Definitions.merge(definitions(home.folder), dg.Definitions(assets=[USERS[cloud]]))
    job = defs.resolve_implicit_global_asset_job_def()
    ran = job.execute_in_process(asset_selection=[USERS[cloud].key])
    shown: str = ran.output_for_node("user")
    assert "acme" in shown
    assert not [secret for secret in home.secrets if secret in shown]
    assert home.tree() == {"mine": b"x"}


@dg.asset(name="user")
def s3_user(acme_destination: S3Resource) -> str:
    """Puts an object, and gives what its resource shows of itself."""
    acme_destination.get_client().put_object(Bucket=BUCKET, Key="mine", Body=b"x")
    return repr(acme_destination)


@dg.asset(name="user")
def gcs_user(acme_destination: GCSResource) -> str:
    """Puts an object, and gives what its resource shows of itself."""
    acme_destination.get_client().bucket(BUCKET).blob("mine").upload_from_string(b"x")
    return repr(acme_destination)


@dg.asset(name="user")
def azure_user(acme_destination: AzureBlobStorageResource) -> str:
    """Puts an object, and gives what its resource shows of itself."""
    with acme_destination.get_client() as client:
        client.get_blob_client(BUCKET, "mine").upload_blob(b"x")
    return repr(acme_destination)


USERS = {"s3": s3_user, "gcs": gcs_user, "azure": azure_user}
