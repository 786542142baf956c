"""Lakes in clouds: read as local ones are, in part, in one version, or refused with a reason."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import duckdb
import pyarrow.parquet as pq
import pytest
from azure.storage.blob import BlobServiceClient

from evexport_dagster.engine import explained
from evexport_dagster.errors import ExportError, SourceError, SpecError, UnavailableError
from evexport_dagster.settings import (
    AzureDestination,
    Destination,
    GcsDestination,
    S3Destination,
    Secret,
    Source,
)
from evexport_dagster.source import Lake, open_lake, unplaceable_rows
from evexport_dagster.source.clouds import open_bucket
from evexport_dagster.stores.retries import Patience
from evexport_dagster_tests.clouds import azure_places, gcs_places
from evexport_dagster_tests.clouds.azure_cloud import ACCOUNT, ACCOUNT_KEY, AzureCloud
from evexport_dagster_tests.clouds.gcs_cloud import GcsCloud
from evexport_dagster_tests.clouds.homes import home_at
from evexport_dagster_tests.clouds.process import free_port
from evexport_dagster_tests.clouds.s3_cloud import ASSUMING, REGION, Keys, S3Cloud, bucket_policy
from evexport_dagster_tests.handmade import at, event
from evexport_dagster_tests.source.relations import connected, files
from evexport_dagster_tests.source.test_files import HOUR, NAMES, corrupt, in_window, rows, write
from evexport_dagster_tests.source.test_malformed import PROPS, events_table, line, packed

BUCKET: Final = "acme-lake"
ALL: Final = (0, 24)
S3_READER: Final = ("s3:ListBucket", "s3:GetObject")
GCS_READER: Final = ("storage.objects.list", "storage.objects.get")
WRONG: Final = "wrong/secret/of/somebody/else/0123456789"


def large_rows() -> list[dict[str, Any]]:
    """Rows whose text no codec makes smaller, so that a file is more than its end."""
    return [{**row, "event_props": json.dumps({"x": os.urandom(9_000).hex()})} for row in rows()]


@dataclass(frozen=True)
class Place:
    """A bucket or container to read from; `login` may list and read, and no more."""

    path: str
    login: Destination
    put: Callable[[str, bytes], object]
    log: Callable[[], list[tuple[Any, ...]]]
    faults: Callable[..., None]
    reads: str
    lists: str
    deny: Callable[[str], object]
    secrets: tuple[str, ...]

    def fill(self, folder: Path, below: str = "events") -> None:
        """Put every file of a folder."""
        for file in folder.rglob("*.*"):
            self.put(f"{below}/{file.relative_to(folder).as_posix()}", file.read_bytes())

    def asked(self, pattern: str) -> list[str]:
        """The paths of all GET requests that match a pattern."""
        return [
            path for method, path, *_ in self.log() if method == "GET" and re.search(pattern, path)
        ]


def s3_login(endpoint: str, **fields: Any) -> S3Destination:
    """A connection that is a destination with another bucket."""
    return S3Destination(
        type="s3", bucket="elsewhere", prefix="x", region=REGION, endpoint=endpoint, **fields
    )


def with_keys(endpoint: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> S3Destination:
    """A connection with a user's keys, which are in the environment."""
    monkeypatch.setenv("LAKE_KEY", keys.id)
    monkeypatch.setenv("LAKE_SECRET", keys.secret)
    secrets = {"access_key_id": Secret("LAKE_KEY"), "secret_access_key": Secret("LAKE_SECRET")}
    return s3_login(endpoint, **secrets)


def s3_place(cloud: S3Cloud, monkeypatch: pytest.MonkeyPatch) -> Place:
    cloud.bucket(BUCKET)
    keys = cloud.user("reader", bucket_policy(BUCKET, S3_READER))
    s3 = cloud.s3()
    left = {"read": S3_READER[:1], "list": S3_READER[1:]}
    return Place(
        path=f"s3://{BUCKET}",
        login=with_keys(cloud.url, keys, monkeypatch),
        put=lambda key, data: s3.put_object(Bucket=BUCKET, Key=key, Body=data),
        log=lambda: list(cloud.log()),
        faults=cloud.faults,
        reads=rf"^/{BUCKET}/events/",
        lists="list-type=2",
        deny=lambda what: cloud.allow("reader", bucket_policy(BUCKET, left[what])),
        secrets=(keys.id, keys.secret),
    )


def gcs_place(cloud: GcsCloud, monkeypatch: pytest.MonkeyPatch) -> Place:
    cloud.bucket(BUCKET)
    key = cloud.account(BUCKET, *GCS_READER)
    monkeypatch.setenv("LAKE_GCP", key)
    left = {"read": GCS_READER[:1], "list": GCS_READER[1:]}

    def put(key: str, data: bytes) -> None:
        url = f"{cloud.upstream.url}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name="
        urllib.request.urlopen(f"{url}{quote(key, safe='')}", data).close()

    return Place(
        path=f"gs://{BUCKET}",
        login=GcsDestination(
            type="gcs", bucket="elsewhere", endpoint=cloud.url, service_account=Secret("LAKE_GCP")
        ),
        put=put,
        log=lambda: list(cloud.log()),
        faults=cloud.faults,
        reads="alt=media",
        lists=rf"/b/{BUCKET}/o\?",
        deny=lambda what: cloud.account(BUCKET, *left[what]),
        secrets=gcs_places.secrets_of(key),
    )


def azure_place(cloud: AzureCloud, monkeypatch: pytest.MonkeyPatch) -> Place:
    cloud.container(BUCKET)
    token = cloud.sas(BUCKET, "rl")
    monkeypatch.setenv("LAKE_SAS", token)
    left = {"read": "l", "list": "r"}

    def put(key: str, data: bytes) -> None:
        with BlobServiceClient(f"{cloud.upstream.url}/{ACCOUNT}", ACCOUNT_KEY) as service:
            service.get_blob_client(BUCKET, key).upload_blob(data, overwrite=True)

    return Place(
        path=f"az://{BUCKET}",
        login=AzureDestination(
            type="azure", container="elsewhere", endpoint=cloud.url, sas_token=Secret("LAKE_SAS")
        ),
        put=put,
        log=lambda: list(cloud.log()),
        faults=cloud.faults,
        reads=f"/{BUCKET}/events/",
        lists="comp=list",
        deny=lambda what: monkeypatch.setenv("LAKE_SAS", cloud.sas(BUCKET, left[what])),
        secrets=azure_places.secrets_of(token),
    )


PLACES: Final[Mapping[str, Callable[[Any, pytest.MonkeyPatch], Place]]] = {
    "s3": s3_place,
    "gcs": gcs_place,
    "azure": azure_place,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty bucket at each cloud in turn."""
    return PLACES[request.param](request.getfixturevalue(f"{request.param}_cloud"), monkeypatch)


@pytest.fixture
def s3(s3_cloud: S3Cloud, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty bucket at S3."""
    return s3_place(s3_cloud, monkeypatch)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads a few KiB at once, as it reads MiB of larger files."""
    with connected() as connection:
        connection.execute("SET external_file_cache_remote_max_block_size = 65536")
        yield connection


def lake(events: str, profiles: str | None = None, **columns: str) -> Source:
    """A source of files in a cloud."""
    return files(events, profiles, columns=columns, connection="acme")


def opened(con: duckdb.DuckDBPyConnection, it: Source, login: Destination | None) -> Lake:
    """The lake of a source, called `lake`."""
    with explained("lake"):
        return open_lake(con, "lake", it, Path("/"), login)


def refused(kind: type[ExportError], it: Source, place: Place) -> str:
    """What is said of a source that cannot be opened, which holds no secret."""
    with connected() as con, pytest.raises(ExportError) as raised:
        opened(con, it, place.login)
    return told(kind, raised.value, place)


def told(kind: type[ExportError], error: BaseException, place: Place) -> str:
    """The text of an error, which holds no secret."""
    assert type(error) is kind
    assert error.__cause__ is None
    assert not [it for it in place.secrets if it in f"{error!r} {error.__context__!r}"]
    return str(error)


def test_every_format_reads_as_it_does_on_disk(
    con: duckdb.DuckDBPyConnection, place: Place, tmp_path: Path
) -> None:
    every, formats = rows(), ("parquet", "csv.gz", "json", "jsonl", "ndjson.gz")
    for name in formats:
        for n in range(3):
            write(tmp_path / f"part-{n}.{name}", every[n * 24 : n * 24 + 24])
    place.fill(tmp_path)
    place.put("events-of-others/part.parquet", b"not ours")
    for name in formats:
        mapped = {"event_time": "CAST(event_time AS TIMESTAMPTZ)"} if "csv" in name else {}
        opened(con, files(f"{tmp_path}/*.{name}", columns=mapped), None)
        local = in_window(con, NAMES, ALL)
        opened(con, lake(f"{place.path}/events/**/part-*.{name}", **mapped), place.login)
        assert in_window(con.cursor(), NAMES, ALL) == local
        assert len(local) == len(every)


def test_no_malformed_row_fails_the_others(
    con: duckdb.DuckDBPyConnection, s3: Place, tmp_path: Path
) -> None:
    pq.write_table(events_table([*PROPS]), tmp_path / "a.parquet", row_group_size=2)
    for name in ("jsonl", "ndjson.gz"):
        lines = [*(line(n, props) for n, props in enumerate(PROPS)), "garbage"]
        packed(tmp_path / f"a.{name}", "\n".join(lines).encode())
    s3.fill(tmp_path)
    for name in ("parquet", "jsonl", "ndjson.gz"):
        found = []
        for path, login in (
            (f"{tmp_path}/*.{name}", None),
            (f"{s3.path}/events/*.{name}", s3.login),
        ):
            opened(con, files(path) if login is None else lake(path), login)
            query = "SELECT event_id, event_props FROM source_events ORDER BY ALL"
            found.append((con.cursor().execute(query).fetchall(), unplaceable_rows(con)))
        assert found[0] == found[1]
        assert {props for _, props in found[0][0]} >= {'{"a":NaN}', '{"a":}'}


def test_what_a_window_does_not_need_is_not_read(
    con: duckdb.DuckDBPyConnection, place: Place, tmp_path: Path
) -> None:
    for day in range(4):
        path = tmp_path / f"day={14 + day}" / "a.parquet"
        path.parent.mkdir()
        some = [{**row, "event_time": row["event_time"] + day * 24 * HOUR} for row in rows()]
        # Text that no codec makes smaller: a row group of three rows is larger than a read.
        for row in some:
            row["event_props"] = json.dumps({"x": os.urandom(20_000).hex()})
        write(path, some, "event_props")
        corrupt(path, unless=("Charged", 6) if day == 0 else ("none", 0))
    place.fill(tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.parquet"))
    opened(con, lake(f"{place.path}/events/*/*.parquet"), place.login)
    assert unplaceable_rows(con) == 0
    # Of each file its end, which is read once although the source is looked at many times.
    assert len(place.asked(place.reads)) == 4
    ids = [event_id for event_id, _ in in_window(con.cursor(), ("Charged",), (6, 12))]
    assert ids == [f"Charged-{hour}" for hour in range(6, 12)]
    read = len(place.asked(place.reads)) - 4
    assert read * (64 << 10) < size / 20


def test_folders_that_are_columns_are_not_read_in_vain(
    con: duckdb.DuckDBPyConnection, s3: Place, tmp_path: Path
) -> None:
    for name in NAMES:
        some = [{**row} for row in rows() if row["event_name"] == name]
        for row in some:
            del row["event_name"]
        folder = tmp_path / f"event_name={name}"
        folder.mkdir()
        write(folder / "a.parquet", some)
    s3.fill(tmp_path)
    opened(con, lake(f"{s3.path}/events/**"), s3.login)
    ends = len(s3.asked(s3.reads))
    assert len(in_window(con, ("Viewed",), ALL)) == 24
    others = s3.asked(s3.reads)[ends:]
    assert not [path for path in others if "Viewed" not in path]


def test_a_lake_is_listed_once_and_below_its_prefix_only(
    con: duckdb.DuckDBPyConnection, place: Place, tmp_path: Path
) -> None:
    write(tmp_path / "2026-06.parquet", rows()[:3])
    place.fill(tmp_path)
    opened(con, lake(f"{place.path}/events/2026-*.parquet"), place.login)
    place.put("events/2026-07.parquet", b"not there when the lake was opened")
    for _ in range(3):
        assert len(in_window(con.cursor(), NAMES, ALL)) == 3
    assert ["events%2F2026-" in path for path in place.asked(place.lists)] == [True]


def test_more_files_than_a_page_of_a_listing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(10):
        place.put(f"events/{n}.csv", b"x" * n)
    monkeypatch.setattr(f"evexport_dagster.source.clouds.{place.login.type}.PAGE", 4)
    bucket = open_bucket(place.login.type, BUCKET, place.login, os.environ)
    for fault in ((), ({"path": place.lists, "status": 503, "after": 1, "times": 2},)):
        before = len(place.asked(place.lists))
        place.faults(*fault)
        found = [(it.key, it.size) for it in bucket.files("events/")]
        assert found == [(f"events/{n}.csv", n) for n in range(10)]
        assert len(place.asked(place.lists)) - (before if place.login.type == "s3" else 0) >= 3


def test_what_is_replaced_while_it_is_read_is_read_by_the_next_run(
    con: duckdb.DuckDBPyConnection, place: Place, tmp_path: Path
) -> None:
    write(tmp_path / "a.parquet", large_rows())
    place.fill(tmp_path)
    opened(con, lake(f"{place.path}/events/*.parquet"), place.login)
    write(tmp_path / "a.parquet", large_rows()[:50])
    place.fill(tmp_path)
    with pytest.raises(ExportError) as raised, explained("lake"):
        con.execute("SELECT * FROM source_events").fetchall()
    said = told(UnavailableError, raised.value, place)
    assert "replaced or removed since it was listed; the run is tried again" in said
    opened(con, lake(f"{place.path}/events/*.parquet"), place.login)
    assert len(con.execute("SELECT * FROM source_events").fetchall()) == 50


STORMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "the store fails": {"status": 503, "times": 3},
    "the connection breaks": {"cut_after": 0, "cut_response_after": 100, "times": 3},
}


@pytest.mark.parametrize("storm", STORMS)
def test_what_passes_is_overcome(
    con: duckdb.DuckDBPyConnection, place: Place, tmp_path: Path, storm: str
) -> None:
    write(tmp_path / "a.parquet", large_rows())
    place.fill(tmp_path)
    opened(con, lake(f"{place.path}/events/*.parquet"), place.login)
    place.faults({"path": place.reads, **STORMS[storm]})
    assert len(in_window(con, NAMES, ALL)) == len(rows())
    assert len({status for *_, status in (it[:3] for it in place.log())} & {503, "cut"}) == 1


def test_what_does_not_pass_ends_a_stream_with_a_reason(
    con: duckdb.DuckDBPyConnection, place: Place, tmp_path: Path
) -> None:
    write(tmp_path / "a.parquet", large_rows())
    place.fill(tmp_path)
    opened(con, lake(f"{place.path}/events/*.parquet"), place.login)
    place.faults({"path": place.reads, "after": 2, "status": 403, "code": "AccessDenied"})
    with pytest.raises(ExportError) as raised, explained("lake"):
        for _ in con.cursor().sql("FROM source_events").to_arrow_reader(10):
            pass
    said = told(SourceError, raised.value, place)
    assert said.startswith("source 'lake' could not read ")
    assert f"{place.path}/events/a.parquet: " in said


def test_a_store_that_sends_other_bytes_than_it_was_asked_for(s3: Place, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", rows())
    s3.fill(tmp_path)
    s3.faults({"path": s3.reads, "method": "GET", "status": 200})
    said = refused(UnavailableError, lake(f"{s3.path}/events/*"), s3)
    assert re.search("could not read .*/a.parquet: [0-9]+ bytes were asked for, and 0 came", said)


@pytest.mark.parametrize("what", ["list", "read"])
def test_what_is_denied_says_what_to_allow(place: Place, tmp_path: Path, what: str) -> None:
    write(tmp_path / "a.parquet", rows())
    place.fill(tmp_path)
    place.deny(what)
    path = f"{place.path}/events/*.parquet"
    said = refused(SourceError, lake(path, path), place)
    for relation in ("events", "profiles"):
        assert f"evexport.yaml: sources.lake.{relation}: {path}: " in said
    assert f"source 'lake' could not {what} {place.path}/events/" in said
    assert "permission" in said
    assert re.search("reading takes .*[Ll]ist", said)


def test_paths_that_lead_nowhere(place: Place) -> None:
    place.put("events/a.parquet", b"not at all")
    wrong = {
        f"{place.path}/events/*.parquet": "/events/a.parquet: not a Parquet file",
        f"{place.path}/a/*.parquet": "no file matches",
        f"{place.path.replace(BUCKET, 'no-such-bucket')}/a.parquet": "could not list ",
    }
    for path, why in wrong.items():
        said = refused(SourceError, lake(path), place)
        assert f"evexport.yaml: sources.lake.events: {path}: " in said
        assert why in said


@pytest.mark.parametrize(
    ("variable", "wrong", "said"),
    [
        ("LAKE_KEY", "AKIAIOSFODNN7EXAMPLE", "wrong access key (InvalidAccessKeyId)"),
        ("LAKE_SECRET", WRONG, "wrong secret key (SignatureDoesNotMatch)"),
    ],
)
def test_wrong_keys(
    s3: Place, monkeypatch: pytest.MonkeyPatch, variable: str, wrong: str, said: str
) -> None:
    monkeypatch.setenv(variable, wrong)
    found = refused(SourceError, lake(f"{s3.path}/*.parquet"), s3)
    assert said in found
    assert wrong not in found


def test_a_variable_that_is_not_set(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAKE_KEY", "LAKE_SECRET", "LAKE_GCP", "LAKE_SAS"):
        monkeypatch.delenv(name, raising=False)
    said = refused(SpecError, lake(f"{place.path}/*.parquet"), place)
    assert re.search("the environment variable LAKE_.* is not set", said)


def test_a_key_that_is_none(
    gcs_cloud: GcsCloud, azure_cloud: AzureCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = gcs_place(gcs_cloud, monkeypatch), azure_place(azure_cloud, monkeypatch)
    monkeypatch.setenv("LAKE_GCP", "not JSON")
    monkeypatch.setenv("LAKE_SAS", "not a token")
    gcs, azure = (refused(SourceError, lake(f"{it.path}/*.parquet"), it) for it in places)
    assert "the key of the service account is not usable: it is not JSON" in gcs
    assert "the SAS token is malformed: it lacks " in azure


def test_a_token_that_has_expired(azure_cloud: AzureCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    place = azure_place(azure_cloud, monkeypatch)
    monkeypatch.setenv("LAKE_SAS", azure_cloud.sas(BUCKET, "rl", ends=-0.5))
    said = refused(SourceError, lake(f"{place.path}/*.parquet"), place)
    assert "the SAS token has expired, on " in said


def test_nobody_listens(s3: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evexport_dagster.source.clouds.s3.UPLOADING", Patience(0.2, answer=0.5))
    there = replace(
        s3, login=s3.login.model_copy(update={"endpoint": f"http://127.0.0.1:{free_port()}"})
    )
    said = refused(UnavailableError, lake(f"{s3.path}/*.parquet"), there)
    assert said.startswith(f"source 'lake' could not list {s3.path}/: the store cannot be reached")


def test_without_a_connection_the_credentials_are_those_of_the_environment(
    con: duckdb.DuckDBPyConnection,
    s3: Place,
    s3_cloud: S3Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "a.parquet", rows())
    s3.fill(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", os.environ["LAKE_KEY"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", os.environ["LAKE_SECRET"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_cloud.url)
    opened(con, lake(f"{s3.path}/events/*.parquet"), None)
    assert len(in_window(con, NAMES, ALL)) == len(rows())


def test_a_role_is_assumed_again_when_its_session_ends(
    con: duckdb.DuckDBPyConnection,
    s3: Place,
    s3_cloud: S3Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "a.parquet", rows())
    s3.fill(tmp_path)
    user = s3_cloud.user("agent", ASSUMING)
    role = s3_cloud.role("reading", user, bucket_policy(BUCKET, S3_READER), "acme")
    login = with_keys(s3_cloud.url, user, monkeypatch)
    login = login.model_copy(update={"role_arn": role, "external_id": "acme"})
    opened(con, lake(f"{s3.path}/events/*.parquet"), login)
    s3_cloud.clock(2 * 3600)
    assert len(in_window(con, NAMES, ALL)) == len(rows())


def test_a_project_reads_its_lake_with_a_destination_as_connection(
    request: pytest.FixtureRequest, tmp_path: Path, s3_cloud: S3Cloud
) -> None:
    home = home_at("s3", request, tmp_path)
    home.events([event("Charged", at(0, n), n=n) for n in range(5)])
    s3_cloud.bucket(BUCKET)
    s3_cloud.iam().put_user_policy(
        UserName="exporter",
        PolicyName="reading",
        PolicyDocument=json.dumps(bucket_policy(BUCKET, S3_READER)),
    )
    for path in (home.folder / "lake").rglob("*.parquet"):
        key = path.relative_to(home.folder).as_posix()
        s3_cloud.s3().put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        path.unlink()
    project = json.loads((home.folder / "evexport.yaml").read_text())
    project["sources"]["lake"] = {
        "connection": "acme",
        "events": {"from": f"s3://{BUCKET}/lake/events/*.parquet"},
        "profiles": {"from": f"s3://{BUCKET}/lake/profiles.parquet"},
    }
    (home.folder / "evexport.yaml").write_text(json.dumps(project))
    home.spec()
    home.now = at(1, 1)
    assert all(it.ok for it in home.open().check("purchases"))
    home.run()
    assert home.values() == dict.fromkeys(map(str, range(5)), 1)
