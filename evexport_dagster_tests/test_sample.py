from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from click.testing import CliRunner
from dagster import DagsterInstance
from ruamel.yaml import YAML

from evexport_dagster.errors import RefusedError
from evexport_dagster.sample import Lake, init_project, make_lake, project
from evexport_dagster.sample.__main__ import main

ROOT = Path(__file__).parents[1]
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
EVENTS = 20_000
ARGUMENTS: dict[str, Any] = {
    "events": EVENTS,
    "first_day": date(2026, 10, 30),
    "days": 5,
    "zone": "America/New_York",
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return make_lake(tmp_path_factory.mktemp("sample") / "lake", **ARGUMENTS)


@pytest.fixture(scope="module")
def database(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        open_lake(connection, lake)
        yield connection


@pytest.fixture
def con(database: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    return database.cursor()


@pytest.fixture(scope="module")
def sample_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "project"
    init_project(folder, date(2026, 6, 14))
    return folder


def open_lake(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    for name, files in (("events", lake.event_files), ("profiles", (lake.profile_file,))):
        con.read_parquet([str(file) for file in files]).create_view(name)


def value(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    (row,) = con.execute(query).fetchall()
    return row[0]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def object_without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twins = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    assert not twins
    return dict(pairs)


def strict(text: str) -> Any:
    """What a strict parser reads; a key given twice, NaN or a control character fails."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, object_pairs_hook=object_without_twins, parse_constant=refuse)


def test_the_same_arguments_give_the_same_bytes(lake: Lake, tmp_path: Path) -> None:
    make_lake(tmp_path / "again", **ARGUMENTS)

    assert digests(tmp_path / "again") == digests(lake.profile_file.parent)


def test_another_seed_gives_other_rows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    other = make_lake(tmp_path / "other", **ARGUMENTS, seed=8)

    with duckdb.connect() as second:
        open_lake(second, other)
        for query in (
            "SELECT bit_xor(hash(profile_id, event_time)) FROM events",
            "SELECT bit_xor(hash(event_props::VARCHAR)) FROM events",
            "SELECT bit_xor(hash(profile_id)) FROM profiles",
        ):
            assert value(con, query) != value(second, query)


def test_columns_are_the_canonical_ones(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("SELECT column_name, column_type FROM (DESCRIBE events)").fetchall() == [
        ("event_id", "VARCHAR"),
        ("event_name", "VARCHAR"),
        ("event_time", "TIMESTAMP WITH TIME ZONE"),
        ("profile_id", "VARCHAR"),
        ("device", "JSON"),
        ("event_props", "JSON"),
        ("instance_id", "INTEGER"),
        ("arrived_at", "TIMESTAMP WITH TIME ZONE"),
    ]
    assert con.execute("SELECT column_name, column_type FROM (DESCRIBE profiles)").fetchall() == [
        ("profile_id", "VARCHAR"),
        ("identities", "VARCHAR[]"),
        ("email", "VARCHAR"),
        ("phone", "VARCHAR"),
        ("name", "VARCHAR"),
        ("gender", "VARCHAR"),
        ("dob", "VARCHAR"),
        ("properties", "JSON"),
        ("comm_prefs", "JSON"),
        ("updated_at", "TIMESTAMP WITH TIME ZONE"),
        ("push_token", "VARCHAR"),
    ]


def test_the_lake_says_what_is_in_it(lake: Lake, con: duckdb.DuckDBPyConnection) -> None:
    assert value(con, "SELECT count(*) FROM events") == lake.events == EVENTS
    assert value(con, "SELECT count(DISTINCT event_id) FROM events") == EVENTS
    assert value(con, "SELECT count(DISTINCT profile_id) FROM profiles") == lake.profiles == 1000
    assert value(con, "SELECT count(*) FROM profiles") == 1000
    assert lake.start.isoformat() == "2026-10-30T00:00:00-04:00"
    assert lake.end.isoformat() == "2026-11-04T00:00:00-05:00"


def test_files_follow_each_other_in_time(lake: Lake, con: duckdb.DuckDBPyConnection) -> None:
    spans = con.execute(
        "SELECT min(epoch(event_time)), max(epoch(event_time)) "
        "FROM read_parquet($1, filename = true) GROUP BY filename ORDER BY filename",
        [[str(file) for file in lake.event_files]],
    ).fetchall()

    assert len(spans) > 2
    for (_, before), (after, _) in pairwise(spans):
        assert before <= after + 60


def test_about_thirty_names_share_the_events_by_zipfs_law(con: duckdb.DuckDBPyConnection) -> None:
    counts = con.execute("SELECT event_name, count(*) FROM events GROUP BY 1").fetchall()
    ranked = sorted((count for _, count in counts), reverse=True)
    names = {name for name, _ in counts}

    assert len(counts) == 30
    assert {"App Launched", "Charged", "Café Reservé", "A/B Experiment Rendered"} <= names
    assert ranked[0] / ranked[1] == pytest.approx(2, rel=0.15)
    assert ranked[0] / ranked[9] == pytest.approx(10, rel=0.2)
    assert ranked[-1] > 50


def test_properties_are_strict_compact_json(con: duckdb.DuckDBPyConnection) -> None:
    texts = con.execute(
        "SELECT event_props::VARCHAR FROM events UNION ALL "
        "SELECT device::VARCHAR FROM events WHERE device IS NOT NULL UNION ALL "
        "SELECT properties::VARCHAR FROM profiles UNION ALL "
        "SELECT comm_prefs::VARCHAR FROM profiles WHERE comm_prefs IS NOT NULL"
    ).fetchall()

    for (text,) in texts[::3]:
        assert isinstance(strict(text), dict)
        assert not re.search(r"\s", STRING.sub("", text))


def test_json_is_valid_in_every_row(con: duckdb.DuckDBPyConnection) -> None:
    invalid = "SELECT count(*) FROM {} WHERE NOT json_valid({}::VARCHAR)"

    for column in ("event_props", "device"):
        assert value(con, invalid.format("events", column)) == 0
    for column in ("properties", "comm_prefs"):
        assert value(con, invalid.format("profiles", column)) == 0


def test_properties_are_as_mixed_as_real_ones(con: duckdb.DuckDBPyConnection) -> None:
    records = [
        strict(text)
        for (text,) in con.execute("SELECT event_props::VARCHAR FROM events").fetchall()
    ]
    sizes = [len(record) for record in records]
    amounts = {type(record["Amount"]) for record in records if "Amount" in record}

    assert min(sizes) >= 5
    assert 20 <= max(sizes) <= 25
    assert amounts == {int, float}
    assert max(record.get("CT Session Id", 0) for record in records) > 2**53
    assert any(isinstance(item, dict) for record in records for item in record.values())
    assert any(isinstance(item, list) for record in records for item in record.values())
    assert 0.005 < sum(None in record.values() for record in records) / EVENTS < 0.02
    assert 0.01 < sum("" in record.values() for record in records) / EVENTS < 0.3


def test_money_keeps_its_trailing_zeros(con: duckdb.DuckDBPyConnection) -> None:
    query = (
        """SELECT count(*) FROM events WHERE regexp_matches(event_props, '"Price":\\d+\\.\\d0,')"""
    )

    assert value(con, query) > 0


def test_rich_events_have_a_few_hundred_bytes(con: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT avg(strlen(event_props)) FROM events WHERE event_name = '{}'"

    for name in ("Product Viewed", "Charged", "Notification Sent", "Search"):
        assert 400 <= value(con, query.format(name)) <= 900


def test_few_events_lack_a_profile_and_few_profiles_have_many(
    con: duckdb.DuckDBPyConnection,
) -> None:
    unknown = value(con, "SELECT count(*) FROM events ANTI JOIN profiles USING (profile_id)")
    busiest = "SELECT count(*) AS n FROM events GROUP BY profile_id ORDER BY n DESC LIMIT 100"

    assert 0.01 < unknown / EVENTS < 0.035
    assert 0.2 < value(con, f"SELECT sum(n) FROM ({busiest})") / EVENTS < 0.6


def test_a_session_is_of_one_profile_and_short(con: duckdb.DuckDBPyConnection) -> None:
    sessions = """
        SELECT
            count(*) AS n,
            count(DISTINCT profile_id) AS people,
            max(epoch(event_time)) - min(epoch(event_time)) AS seconds
        FROM events WHERE (event_props->>'CT Session Id') IS NOT NULL
        GROUP BY event_props->>'CT Session Id'
    """

    assert value(con, f"SELECT max(people) FROM ({sessions})") == 1
    assert value(con, f"SELECT avg(n) FROM ({sessions})") > 4
    assert value(con, f"SELECT quantile(seconds, 0.9) FROM ({sessions})") < 3600


def test_some_devices_profiles_and_values_are_missing(con: duckdb.DuckDBPyConnection) -> None:
    for query in (
        "SELECT avg((device IS NULL)::INTEGER) FROM events",
        "SELECT avg(((device->'make') IS NULL)::INTEGER) FROM events",
        "SELECT avg((identities = [])::INTEGER) FROM profiles",
        "SELECT avg((email IS NULL)::INTEGER) FROM profiles",
        "SELECT avg((email = '')::INTEGER) FROM profiles",
        "SELECT avg((phone NOT SIMILAR TO '\\+[1-9]\\d{7,14}')::INTEGER) FROM profiles",
        "SELECT avg((comm_prefs IS NULL)::INTEGER) FROM profiles",
    ):
        assert 0.005 < value(con, query) < 0.25, query


def test_every_instance_has_its_own_profiles(con: duckdb.DuckDBPyConnection) -> None:
    instances = con.execute("SELECT DISTINCT instance_id FROM events ORDER BY 1").fetchall()
    homes = "SELECT count(DISTINCT instance_id) AS n FROM events GROUP BY profile_id"

    assert instances == [(0,), (1,), (2,)]
    assert value(con, f"SELECT max(n) FROM ({homes})") == 1


def test_events_arrive_soon_and_a_few_late(lake: Lake, con: duckdb.DuckDBPyConnection) -> None:
    late = "SELECT count(*) FROM events WHERE arrived_at - event_time > INTERVAL 1 HOUR"

    assert value(con, "SELECT count(*) FROM events WHERE arrived_at < event_time") == 0
    assert value(con, "SELECT max(epoch(arrived_at)) FROM events") <= lake.end.timestamp()
    assert 0.001 < value(con, late) / EVENTS < 0.01


def test_evenings_are_busier_than_nights(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SET TimeZone = 'America/New_York'")
    counts = dict(
        con.execute("SELECT hour(event_time), count(*) FROM events GROUP BY 1").fetchall()
    )

    assert len(counts) == 24
    assert counts[20] > 5 * counts[3]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("America/Havana", date(2026, 11, 1), 25),
    ],
)
def test_every_hour_of_a_clock_change_has_events(
    tmp_path: Path, zone: str, day: date, hours: float
) -> None:
    lake = make_lake(tmp_path / "lake", events=2000, first_day=day, days=1, zone=zone)
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = start + timedelta(hours=hours)

    with duckdb.connect() as con:
        open_lake(con, lake)
        seen = con.execute(
            "SELECT DISTINCT floor((epoch(event_time) - $1) / 3600)::INTEGER AS hour "
            "FROM events ORDER BY hour",
            [start.timestamp()],
        ).fetchall()
        last = value(con, "SELECT max(epoch(event_time)) FROM events")
    assert lake.end.astimezone(UTC) == end
    assert [hour for (hour,) in seen] == list(range(25 if hours > 24 else 23))
    assert last < end.timestamp()


def test_a_lake_of_one_event_is_a_lake(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake", events=1, first_day=date(2026, 1, 1), days=1, zone="UTC")

    with duckdb.connect() as con:
        open_lake(con, lake)
        assert value(con, "SELECT count(*) FROM events") == 1
        assert value(con, "SELECT count(*) FROM profiles") == 50


@pytest.mark.parametrize("none", ["events", "days", "profiles", "instances"])
def test_a_lake_of_nothing_is_refused(tmp_path: Path, none: str) -> None:
    with pytest.raises(RefusedError, match="at least one"):
        make_lake(tmp_path / "lake", **{**ARGUMENTS, none: 0})
    assert not (tmp_path / "lake").exists()


def test_a_lake_is_not_written_over_another(lake: Lake) -> None:
    folder = lake.profile_file.parent
    before = digests(folder)

    with pytest.raises(RefusedError, match="events is in the way"):
        make_lake(folder, **ARGUMENTS)
    assert digests(folder) == before


def test_the_command_writes_the_lake_and_says_so(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "lake"), "--events", "500", "--days", "1", "--zone", "UTC"]
    runner = CliRunner()

    done = runner.invoke(main, arguments)
    again = runner.invoke(main, arguments)
    nowhere = runner.invoke(main, [str(tmp_path / "mars"), "--zone", "Mars/Base"])

    assert done.exit_code == 0, done.output
    assert "500 events in 4 files and 50 profiles" in done.output
    assert (again.exit_code, nowhere.exit_code) == (1, 2)
    assert "in the way" in again.output
    assert "not a time zone" in nowhere.output


def test_init_gives_every_file_it_wrote(tmp_path: Path) -> None:
    written = init_project(tmp_path / "new" / "project", date(2026, 6, 14))

    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)
    names = {str(path.relative_to(tmp_path / "new" / "project")) for path in written}
    assert {"evexport.yaml", "exports/purchases.yaml", "dagster.yaml", ".gitignore"} <= names
    assert "lake/profiles.parquet" in names


def test_init_makes_a_lake_that_ends_with_today(sample_project: Path) -> None:
    account = YAML(typ="safe").load(sample_project / "evexport.yaml")["account"]
    midnight = datetime(2026, 6, 15, tzinfo=ZoneInfo(account["timezone"])).timestamp()

    with duckdb.connect() as con:
        events = con.read_parquet(str(sample_project / "lake" / "events" / "*.parquet"))
        (row,) = events.aggregate("count(*), max(epoch(event_time))").fetchall()
    assert row[0] == EVENTS
    assert midnight - 3600 < row[1] < midnight


def test_the_exports_start_two_days_before_today(sample_project: Path) -> None:
    starts = {
        path.stem: YAML(typ="safe").load(path)["schedule"]["recurring"]
        for path in sorted((sample_project / "exports").iterdir())
    }

    assert starts == {
        "everything": {"every": "24h", "start": date(2026, 6, 12)},
        "purchases": {"every": "4h", "start": date(2026, 6, 12)},
    }


def test_the_purchases_select_what_the_lake_has(sample_project: Path) -> None:
    spec = YAML(typ="safe").load(sample_project / "exports" / "purchases.yaml")
    charged = spec["events"]["each"]["Charged"]["properties"]
    properties = [item["name"] if isinstance(item, dict) else item for item in charged]

    with duckdb.connect() as con:
        events = con.read_parquet(str(sample_project / "lake" / "events" / "*.parquet"))
        names = {name for (name,) in events.aggregate("event_name").fetchall()}
        keys = events.filter("event_name = 'Charged'").project("unnest(json_keys(event_props))")
        known = {key for (key,) in keys.fetchall()}
    assert set(spec["events"]["select"]) <= names
    assert set(properties) <= known


def test_no_placeholder_is_left(sample_project: Path) -> None:
    for path in sample_project.rglob("*.yaml"):
        text = path.read_text("utf-8")
        assert "__" not in text
        assert YAML(typ="safe").load(text)


@pytest.mark.parametrize("name", ["evexport.yaml", "exports/purchases.yaml"])
def test_the_editor_finds_the_schema(sample_project: Path, name: str) -> None:
    path = sample_project / name
    comment, _, schema = path.read_text("utf-8").splitlines()[0].partition("$schema=")
    packaged = project.SCHEMAS / Path(schema).name

    assert comment == "# yaml-language-server: "
    assert (path.parent / schema).exists() == packaged.exists()


def test_dagster_loads_the_project(sample_project: Path) -> None:
    with DagsterInstance.from_config(str(sample_project)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.get_settings("concurrency") == {"pools": {"granularity": "run"}}
        assert Path(instance.root_directory) == sample_project


@pytest.mark.parametrize("name", ["notes.txt", ".hidden"])
def test_init_refuses_a_folder_in_use(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(RefusedError, match=f"{name} is in the way"):
        init_project(tmp_path, date(2026, 6, 14))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_init_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "project").write_text("mine")

    with pytest.raises(RefusedError, match="project is in the way"):
        init_project(tmp_path / "project", date(2026, 6, 14))
    assert (tmp_path / "project").read_text() == "mine"


def test_the_root_of_the_repository_is_a_sample_project() -> None:
    files = project.project_files(project.SAMPLE_DAY, "evexport_dagster/spec")

    assert {name: (ROOT / name).read_text("utf-8") for name in files} == files
