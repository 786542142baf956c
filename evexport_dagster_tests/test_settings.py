"""`evexport.yaml`: what is resolved, what is refused, and that no secret is ever shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import jsonschema  # type: ignore[import-untyped]
import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.settings import LocalDestination, Secret, Settings, load_settings, reveal
from evexport_dagster.spec.model_project import Project
from evexport_dagster.spec.reading import parse_document
from evexport_dagster.spec.schema import schema
from evexport_dagster.spec.validate import validated

PROJECT = """\
account: {id: "1517477760", name: Acme, timezone: Pacific/Honolulu}
sources:
  lake:
    events:   {from: "lake/events/*.parquet"}
    profiles: {from: "lake/profiles.parquet", columns: {email: "lower(email)"}}
destinations:
  local: {type: local, path: out}
"""

FULL = """\
account: {id: "1517477760", name: Acme, timezone: Pacific/Honolulu}
sources:
  lake:
    events: {from: "s3://lake/events/*.parquet"}
    profiles: {sql: "SELECT * FROM people", columns: {email: "lower(email)"}}
  base:
    database: lake.duckdb
    events: {from: events}
    profiles: {from: people}
destinations:
  local: {type: local, path: out, prefix: a/b/}
  acme:
    type: s3
    bucket: acme-events
    region: eu-west-1
    access_key_id: {env: ACME_KEY}
    secret_access_key: {env: ACME_SECRET}
    kms_key_id: k
  role:
    type: s3
    bucket: b
    role_arn: "arn:aws:iam::111122223333:role/exporter"
    external_id: acme
    endpoint: "http://localhost:9000"
  gcs: {type: gcs, bucket: acme-events, service_account: {env: ACME_GCP_KEY_JSON}}
  azure: {type: azure, account: acmestorage, container: events, sas_token: {env: ACME_SAS}}
  domain: {type: azure, container: events, endpoint: "https://events.acme.com"}
notifications:
  webhook: {url: "https://hooks.acme.com/exports", secret: {env: HOOK_SECRET}}
  email:
    to: [data@acme.com]
    from: exports@acme.com
    host: smtp.acme.com
    port: 587
    user: {env: SMTP_USER}
    password: {env: SMTP_PASSWORD}
catalog:
  system: [My System Event]
"""

RUNTIME = """\
runtime:
  memory: 2GB
  scratch: .scratch
  scratch_limit: 50GB
  threads: 2
  max_rows_per_file: 10000000
  settle: 5m
  history_limit: 365d
  concurrent_runs: 1
  ledger: "sqlite:///.evexport/ledger.db"
"""


def _load(folder: Path, text: str) -> Settings:
    (folder / "evexport.yaml").write_text(text, encoding="utf-8")
    return load_settings(folder)


def _faults(text: str) -> dict[str, str]:
    document = parse_document(text, "evexport.yaml")
    _, faults = validated(Project, document)
    return {
        fault.where.removeprefix("evexport.yaml: ").partition(" (line")[0]: str(fault)
        for _, fault in faults
    }


def test_paths_are_those_of_the_project_folder(tmp_path: Path) -> None:
    settings = _load(tmp_path, PROJECT)
    assert settings.folder == tmp_path
    assert settings.sources["lake"].events.from_ == f"{tmp_path}/lake/events/*.parquet"
    destination = settings.destinations["local"]
    assert isinstance(destination, LocalDestination)
    assert destination.path == tmp_path / "out"
    assert settings.runtime.scratch == tmp_path / ".scratch"
    assert settings.ledger_url({}) == f"sqlite:///{tmp_path}/.evexport/ledger.db"


def test_a_relative_folder_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _load(tmp_path, PROJECT)
    monkeypatch.chdir(tmp_path)
    assert load_settings(".").runtime.scratch == tmp_path / ".scratch"


def test_with_a_database_from_names_a_table(tmp_path: Path) -> None:
    text = PROJECT.replace("  lake:\n", "  lake:\n    database: lake.duckdb\n").replace(
        "lake/events/*.parquet", "events"
    )
    source = _load(tmp_path, text).sources["lake"]
    assert source.database == tmp_path / "lake.duckdb"
    assert source.events.from_ == "events"


def test_what_is_left_out_has_the_documented_default(tmp_path: Path) -> None:
    runtime = _load(tmp_path, PROJECT).runtime
    assert (runtime.memory, runtime.scratch_limit) == (2_000_000_000, 50_000_000_000)
    assert (runtime.threads, runtime.max_rows_per_file) == (2, 10_000_000)
    assert runtime.settle == timedelta(minutes=5)
    assert runtime.history_limit == timedelta(days=365)
    assert runtime.concurrent_runs == 1


def test_written_defaults_are_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, PROJECT + RUNTIME) == _load(tmp_path, PROJECT)


@pytest.mark.parametrize(
    ("size", "size_bytes"),
    [("64MB", 64_000_000), ("64 MiB", 64 * 2**20), ("1B", 1), ("3KB", 3000), ("2TiB", 2 * 2**40)],
)
def test_sizes_are_bytes(tmp_path: Path, size: str, size_bytes: int) -> None:
    runtime = _load(tmp_path, f"{PROJECT}runtime: {{scratch_limit: {size}}}").runtime
    assert runtime.scratch_limit == size_bytes
    assert type(runtime).model_validate_json(runtime.model_dump_json()) == runtime


@pytest.mark.parametrize(
    ("duration", "seconds"), [("30s", 30), ("5m", 300), ("4h", 14_400), ("365d", 31_536_000)]
)
def test_durations_are_exact(tmp_path: Path, duration: str, seconds: int) -> None:
    runtime = _load(tmp_path, f"{PROJECT}runtime: {{settle: {duration}}}").runtime
    assert runtime.settle == timedelta(seconds=seconds)
    assert runtime.model_dump(mode="json")["settle"] == duration


def test_the_account_has_a_zone_and_the_catalog_more_names(tmp_path: Path) -> None:
    settings = _load(tmp_path, f"{PROJECT}catalog: {{system: [Mine]}}")
    assert settings.account.zone == ZoneInfo("Pacific/Honolulu")
    assert settings.catalog.is_system("Mine")
    assert settings.catalog.is_system("App Launched")
    assert not settings.catalog.is_engagement("Mine")


def test_a_folder_that_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="evexport init DIR"):
        load_settings(tmp_path)


def test_a_secret_is_read_from_its_variable_only(tmp_path: Path) -> None:
    settings = _load(tmp_path, f"{PROJECT}runtime: {{ledger: {{env: LEDGER}}}}")
    assert settings.runtime.ledger == Secret("LEDGER")
    url = "postgresql://me:hunter2@host/ledger"
    assert settings.ledger_url({"LEDGER": url}) == url
    assert "hunter2" not in repr(settings)
    for environ in ({}, {"LEDGER": ""}):
        with pytest.raises(SpecError, match="the environment variable LEDGER is not set"):
            reveal(Secret("LEDGER"), environ)


@pytest.mark.parametrize("url", ["postgresql://host/ledger", "sqlite:////abs/ledger.db"])
def test_a_ledger_elsewhere_or_absolute_stays(tmp_path: Path, url: str) -> None:
    assert _load(tmp_path, f"{PROJECT}runtime: {{ledger: '{url}'}}").ledger_url({}) == url


def test_every_key_is_known_to_the_model_and_to_editors() -> None:
    document = parse_document(FULL + RUNTIME, "evexport.yaml")
    project, faults = validated(Project, document)
    assert not faults
    assert project is not None
    assert project.destinations["local"].prefix == "a/b"
    jsonschema.validate(document.data, schema(Project))


LAKE = PROJECT.replace('"lake/events/', '"s3://lake/events/')


def test_a_source_in_a_cloud_names_its_connection_or_none(tmp_path: Path) -> None:
    settings = _load(tmp_path, LAKE)
    assert settings.sources["lake"].events.from_ == "s3://lake/events/*.parquet"
    assert settings.connection("lake") is None
    text = LAKE.replace("  lake:", "  lake:\n    connection: acme")
    settings = _load(tmp_path, f"{text}  acme: {{type: s3, bucket: b}}\n")
    assert settings.connection("lake") == settings.destinations["acme"]


@pytest.mark.parametrize(
    ("path", "connection", "wrong"),
    [
        (
            "s3://lake/*.parquet",
            "acem",
            {"connection": "did you mean 'acme'?"},
        ),
        ("s3://lake/*.parquet", "local", {"connection": "expected a destination of type s3"}),
        ("az://lake/*.parquet", "acme", {"connection": "expected a destination of type azure"}),
        ("az://lake/*.parquet", None, {"connection": "required for az:// paths"}),
        ("lake/*.parquet", "acme", {"connection": "only for paths that start with s3://"}),
        ("S3://lake/*.parquet", None, {"events.from": "expected a local path, or one like s3://"}),
        ("https://lake/a.parquet", None, {"events.from": "one like s3://BUCKET/PATH"}),
        ("s3://*/a.parquet", None, {"events.from": "one like s3://BUCKET/PATH"}),
        ("gs://lake/", None, {"events.from": "one like s3://BUCKET/PATH"}),
    ],
)
def test_a_source_in_a_cloud_that_cannot_be(
    tmp_path: Path, path: str, connection: str | None, wrong: dict[str, str]
) -> None:
    text = PROJECT.replace("lake/events/*.parquet", path) + "  acme: {type: s3, bucket: b}\n"
    if connection:
        text = text.replace("  lake:\n", f"  lake:\n    connection: {connection}\n")
    with pytest.raises(SpecError) as raised:
        _load(tmp_path, text)
    assert len(raised.value.faults) == len(wrong)
    for place, said in wrong.items():
        assert f"evexport.yaml: sources.lake.{place} (line" in str(raised.value)
        assert said in str(raised.value)


def test_a_wrong_connection_is_told_beside_other_faults(tmp_path: Path) -> None:
    text = LAKE.replace("  lake:", "  lake:\n    connection: lokal").replace("Pacific/", "Mars/")
    with pytest.raises(SpecError) as raised:
        _load(tmp_path, text)
    assert len(raised.value.faults) == 2
    assert "did you mean 'local'" in str(raised.value)


WRONG: dict[str, tuple[str, str, dict[str, str]]] = {
    "no account": ("account:", "acount:", {"acount": "'account'", "account": "required"}),
    "number as id": ('"1517477760"', "1517477760", {"account.id": "put it in quotes"}),
    "spaces in id": ('"1517477760"', '"15 17"', {"account.id": "letters, digits, '_' and '-'"}),
    "no such zone": ("Pacific/Honolulu", "Pacific/Honolul", {"account.timezone": "Honolulu'?"}),
    "a zone's folder": ("Pacific/Honolulu", "Pacific", {"account.timezone": "an IANA time zone"}),
    "no sources": (PROJECT, "account: {id: a, name: b, timezone: UTC}\nsources: {}\n", {
        "sources": "at least one",
        "destinations": "required",
    }),
    "no profiles": ("    profiles:", "    profils:", {
        "sources.lake.profils": "'profiles'",
        "sources.lake.profiles": "required",
    }),
    "no such column": ("{email:", "{emial:", {"sources.lake.profiles.columns.emial": "'email'?"}),
    "column of events": (
        "{email:", "{event_id:", {"sources.lake.profiles.columns.event_id": "one of profile_id"}
    ),
    "from and sql": ("{from: \"lake/e", "{sql: SELECT 1, from: \"lake/e", {
        "sources.lake.events": "either `from` or `sql`"
    }),
    "neither from nor sql": ("{from: \"lake/events/*.parquet\"}", "{}", {
        "sources.lake.events": "either `from` or `sql`"
    }),
    "remote sql": (
        "{from: \"lake/events/*.parquet\"}",
        "{sql: \"FROM read_parquet('S3://b/*.parquet')\"}",
        {"sources.lake.events.sql": "read remote files with `from:`"},
    ),
    "no such store": ("type: local", "type: s4", {"destinations.local.type": "'s4': expected one"}),
    "no store": ("type: local, ", "", {"destinations.local.type": "required: one of local, s3"}),
    "list as store": ("type: local", "type: [s3]", {"destinations.local.type": "a list: expected"}),
    "list as destination": ("{type: local, path: out}", "[out]", {
        "destinations.local": "a list: expected one of local"
    }),
    "key of another store": ("path: out", "path: out, bucket: b", {
        "destinations.local.bucket": "unknown key; known are type, path, prefix"
    }),
    "key of this store": ("type: local, path: out", "type: s3, buckt: b", {
        "destinations.local.buckt": "'bucket'",
        "destinations.local.bucket": "required",
    }),
    "prefix with a leading slash": ("path: out", "path: out, prefix: /a", {
        "destinations.local.prefix": "folders without a leading '/'"
    }),
    "prefix that leaves": ("path: out", "path: out, prefix: a/../b", {
        "destinations.local.prefix": "folders"
    }),
    "name with a space": ("  local:", "  my local:", {'destinations["my local"]': "'my local': "}),
    "half of the keys": (
        "type: local, path: out",
        "type: s3, bucket: b, access_key_id: {env: A}, external_id: x",
        {
            "destinations.local.secret_access_key": "required beside `access_key_id`",
            "destinations.local.role_arn": "required beside `external_id`",
        },
    ),
    "azure without address": ("type: local, path: out", "type: azure, container: c", {
        "destinations.local.account": "required: `account` or `endpoint`"
    }),
    "runtime": (
        "account:",
        ("runtime: {memory: 2, threads: 0, settle: 5 min, scratch_limit: 0GB, ledger: ledger.db,"
        " concurrent_runs: 1.5, max_rows_per_file: '9'}\naccount:"),
        {
            "runtime.memory": "2: expected a text",
            "runtime.threads": "0: expected 1 or more",
            "runtime.settle": "'5 min': expected a duration, such as",
            "runtime.scratch_limit": "expected a size above zero",
            "runtime.ledger": "sqlite:///PATH",
            "runtime.concurrent_runs": "1.5: expected a whole number",
            "runtime.max_rows_per_file": "'9': expected a whole number",
        },
    ),
    "more threads than a machine can start": (
        "account:", "runtime: {threads: 100000}\naccount:",
        {"runtime.threads": "100000: expected 1024 or less"},
    ),
    "notifications": (
        "account:",
        ("notifications: {webhook: {url: hooks.acme.com}, email: {to: [], from: me, port: 99999}}"
        "\naccount:"),
        {
            "notifications.webhook.url": "such as https://HOST/PATH",
            "notifications.webhook.secret": "required",
            "notifications.email.to": "at least one",
            "notifications.email.from": "an e-mail address",
            "notifications.email.host": "required",
            "notifications.email.port": "65535 or less",
        },
    ),
    "too much": (
        "account:",
        ("runtime: {memory: 1KB, threads: 2147483648, concurrent_runs: 1001, settle: 999999d,"
        " history_limit: 100001d, max_rows_per_file: 1000000000001}\naccount:"),
        {
            "runtime.memory": "expected 64MB or more",
            "runtime.threads": "2147483648: expected 1024 or less",
            "runtime.concurrent_runs": "1000 or less",
            "runtime.settle": "'999999d': expected 100000d or less",
            "runtime.history_limit": "100000d or less",
            "runtime.max_rows_per_file": "1000000000000 or less",
        },
    ),
    "no place on earth": ("Pacific/Honolulu", "localtime", {"account.timezone": "an IANA time"}),
    "address of another host": (
        "type: local, path: out",
        "type: azure, account: evil.example.com/a?b, container: ../x",
        {
            "destinations.local.account": "the account's name alone",
            "destinations.local.container": "letters, digits and '-'",
        },
    ),
    "bucket with a path": (
        "type: local, path: out",
        "type: s3, bucket: acme/events, region: eu west 1, endpoint: 'http://[::1', prefix: "
        + "a" * 121,
        {
            "destinations.local.bucket": "'acme/events': expected a name of letters",
            "destinations.local.region": "such as eu-west-1",
            "destinations.local.endpoint": "such as https://HOST/PATH",
            "destinations.local.prefix": "120 characters or less",
        },
    ),
    "half of a login": (
        "account:",
        "notifications: {email: {to: [a@b.co], from: a@b.co, host: h, user: {env: U}}}\naccount:",
        {"notifications.email.password": "required beside `user`"},
    ),
    "catalog": ("account:", "catalog: {systm: [], engagement: [1]}\naccount:", {
        "catalog.systm": "'system'",
        "catalog.engagement[0]": "put it in quotes",
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_has_its_path_and_says_what_is_allowed(name: str) -> None:
    before, after, said = WRONG[name]
    assert before in PROJECT
    faults = _faults(PROJECT.replace(before, after, 1))
    assert set(faults) == set(said)
    assert all(part in faults[path] for path, part in said.items()), faults


def test_all_faults_are_raised_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = PROJECT.replace("Pacific/Honolulu", "Mars").replace("type: local", "type: s4")
    with pytest.raises(SpecError) as caught:
        _load(tmp_path, text)
    assert str(caught.value).startswith("evexport.yaml has 2 faults\n  evexport.yaml: account.tim")


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a?mode=ro", "mysql://h/d"),
        *("sqlite+pysqlcipher:///x", "postgresql+nope://h/d", "postgresql://[::1/d"),
        *("postgresql://h:99999/d", "postgresql://h:0/d"),
    ],
)
def test_a_ledger_that_cannot_be_is_a_fault_of_its_line(url: str) -> None:
    faults = _faults(f"{PROJECT}runtime: {{ledger: '{url}'}}\n")
    assert faults == {"runtime.ledger": faults["runtime.ledger"]}
    assert "sqlite:///PATH, postgresql://HOST/DATABASE" in faults["runtime.ledger"]


@pytest.mark.parametrize(
    "secret",
    [
        "destinations: {a: {type: s3, bucket: b, access_key_id: hunter2, secret_access_key: 2}}",
        "destinations: {a: {type: s3, bucket: b, access_key_id: {env: 'hunter 2 hunter2'}}}",
        "destinations: {a: {type: azure, container: b, sas_token: [hunter2]}}",
        "destinations: {a: {type: s3, bucket: b, endpoint: 'https://me:hunter2@host'}}",
        "notifications: {webhook: {url: 'https://hunter2@host', secret: hunter2}}",
        "runtime: {ledger: 'postgresql://me:hunter2@host/db'}",
        "runtime: {ledger: [hunter2]}",
    ],
)
def test_a_secret_in_yaml_is_refused_and_not_shown(tmp_path: Path, secret: str) -> None:
    head = PROJECT.partition("destinations:")[0] if "destinations" in secret else PROJECT
    with pytest.raises(SpecError) as caught:
        _load(tmp_path, f"{head}{secret}\n")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)
