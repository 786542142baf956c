"""A source as views of canonical columns, and every fault of it at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pytest

from evexport_dagster.source.canonical import EVENTS, PROFILES

from .relations import EVENT, PROFILE, faults, files, opened, select, source, value

INSTANT = "strftime(event_time AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M')"


def test_a_source_with_canonical_names_needs_no_mapping(con: duckdb.DuckDBPyConnection) -> None:
    lake = opened(con, source({"extra": "1"}))
    assert lake.event_columns == EVENT.keys()
    assert lake.profile_columns == PROFILE.keys()
    for view, columns in (("source_events", EVENTS), ("source_profiles", PROFILES)):
        names = con.sql(f"FROM {view}").columns
        assert names == [*(column.name for column in columns), "position"]
    assert value(con, "instance_id") is None
    assert value(con, "dob", "source_profiles") == "1990-01-02"


def test_columns_are_mapped_by_name_or_by_expression(con: duckdb.DuckDBPyConnection) -> None:
    columns = {
        "event_id": "Event Id",
        "event_time": "to_timestamp(ts)",
        "event_name": "upper(event_name) -- shouted",
        "instance_id": "zone",
        "session_props": "NULL",
        "arrived_at": "to_timestamp(ts + 60)",
        "device": "{'make': event_name}",
    }
    event = {"Event Id": "'x'", "ts": "1781438400", "zone": "'7'", "event_time": "1"}
    lake = opened(con, source(event, events=columns, profiles={"email": "lower(name)"}))
    found = ", ".join(["event_id", INSTANT, "event_name", "instance_id", "device"])
    row = con.execute(f"SELECT {found} FROM source_events").fetchall()
    assert row == [("x", "2026-06-14 12:00", "CHARGED", 7, '{"make":"Charged"}')]
    assert value(con, "email", "source_profiles") == "ann"
    assert {"instance_id", "arrived_at", "session_props"} <= lake.event_columns


def test_every_fault_is_told_at_once() -> None:
    event = {
        "event_time": "TIMESTAMP '2026-06-14 10:00:00'",
        "arrived_at": "1781438400",
        "device": "7",
        "instance_id": "1.5",
        "event_name": "['a']",
    }
    columns = {"event_id": "no_such_column + 1", "profile_id": "p1'", "event_props": "sum(1"}
    profile = {"updated_at": "'2026-06-14'", "identities": "7", "phone": "{'a': 1}"}
    missing = {key: text for key, text in PROFILE.items() if key not in ("email", "comm_prefs")}
    it = source(event, None, events=columns)
    it = it.model_copy(
        update={"profiles": it.profiles.model_copy(update={"sql": select(missing | profile)})}
    )
    found = faults(it)
    assert found.keys() == {
        *(f"events.columns.{name}" for name in (*event, *columns)),
        *(f"profiles.columns.{name}" for name in (*profile, "email", "comm_prefs")),
    }
    assert "TIMESTAMP has no time zone" in found["events.columns.event_time"]
    assert "event_time\" AT TIME ZONE 'UTC'" in found["events.columns.event_time"]
    assert 'to_timestamp("arrived_at")' in found["events.columns.arrived_at"]
    assert 'CAST("updated_at" AS TIMESTAMPTZ)' in found["profiles.columns.updated_at"]
    assert "no_such_column" in found["events.columns.event_id"]
    assert "has no column email" in found["profiles.columns.email"]
    assert "profile_id, identities, phone" in found["profiles.columns.email"]
    assert found["events.columns.device"] == "INTEGER must be JSON, STRUCT or MAP"


@pytest.mark.parametrize(
    ("wrong", "behind", "shown"),
    [
        ("TIMESTAMP '2026-06-14 10:00:00'", "say which it is in: ", "2026-06-14 10:00"),
        ("1781438400", "for epoch seconds: ", "2026-06-14 12:00"),
        ("'2026-06-14T10:00:00Z'", "for text: ", "2026-06-14 10:00"),
    ],
)
def test_the_advice_for_a_time_is_right(
    con: duckdb.DuckDBPyConnection, wrong: str, behind: str, shown: str
) -> None:
    said = faults(source({"event_time": wrong}))["events.columns.event_time"]
    advice = said.split(behind)[1].split(", for")[0]
    opened(con, source({"event_time": wrong}, events={"event_time": advice}))
    assert value(con, INSTANT) == shown


def test_an_unknown_canonical_column_is_a_fault() -> None:
    it = source()
    events = it.events.model_copy(update={"columns": {"evnt_name": "event_name"}})
    found = faults(it.model_copy(update={"events": events}))
    assert found.keys() == {"events.columns.evnt_name"}
    assert "is not one of event_id" in found["events.columns.evnt_name"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT FROM", "syntax error"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT 1; DROP TABLE x", "one query, without a semicolon"),
        ("SELECT 1;", "one query, without a semicolon"),
        ("-- nothing", "one query"),
        ("SELECT 1 AS event_id) UNION (SELECT 2", "syntax error"),
        ("SELECT * FROM 'missing.parquet'", "missing.parquet"),
        ("INSERT INTO x VALUES (1)", "syntax error"),
    ],
)
def test_a_wrong_query_is_a_fault(sql: str, said: str) -> None:
    it = source()
    found = faults(it.model_copy(update={"events": it.events.model_copy(update={"sql": sql})}))
    assert found.keys() == {"events"}
    assert said in found["events"]


def test_an_expression_is_one_by_itself() -> None:
    found = faults(source(events={"device": "'{}') AS device, ('{}'"}))
    assert "syntax error" in found["events.columns.device"]


@pytest.mark.parametrize("ending", ["json.gz", "jsonl.gz", "jsonl.zst", "csv.gz", "parquet"])
def test_a_broken_file_is_a_fault_of_its_relation(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"events.{ending}").write_bytes(b"neither packed nor plain")
    found = faults(files(f"events.{ending}"), tmp_path)
    assert found.keys() == {"events"}
    assert f"events.{ending}" in found["events"]


def test_a_query_may_end_in_a_comment(con: duckdb.DuckDBPyConnection) -> None:
    it = source()
    sql = f"{it.events.sql} -- the only one"
    opened(con, it.model_copy(update={"events": it.events.model_copy(update={"sql": sql})}))
    assert value(con, "event_id") == "e1"


def test_a_query_over_remote_data_is_refused() -> None:
    it = source()
    events = it.events.model_copy(update={"sql": "SELECT * FROM 'S3://bucket/x.parquet'"})
    found = faults(it.model_copy(update={"events": events}))
    assert "name them with `from:`" in found["events"]


def test_a_database_is_opened_read_only(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(path) as made:
        made.execute(f'CREATE SCHEMA raw; CREATE TABLE raw."the events" AS {select(EVENT)}')
        made.execute(f"CREATE TABLE profiles AS {select(PROFILE)}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    opened(con, files("raw.the events", "profiles", database=Path("lake.duckdb")), tmp_path)
    assert value(con, "event_id") == "e1"
    with duckdb.connect(path, read_only=True) as reader:
        assert reader.sql("SELECT count(*) FROM profiles").fetchall() == [(1,)]
    with pytest.raises(duckdb.Error, match="read-only"):
        con.execute("CREATE TABLE source_database.main.x AS SELECT 1")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert [it.name for it in tmp_path.iterdir()] == ["lake.duckdb"]


def test_a_missing_or_broken_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "broken.duckdb").write_bytes(b"no database" * 1000)
    for name in ("missing.duckdb", "broken.duckdb"):
        found = faults(files("a", "b", database=Path(name)), tmp_path)
        assert found.keys() == {"database"}
        assert name in found["database"]
    assert not (tmp_path / "missing.duckdb").exists()


def test_a_missing_table_is_a_fault(tmp_path: Path) -> None:
    duckdb.connect(tmp_path / "lake.duckdb").close()
    found = faults(files("a", "b..c", database=Path("lake.duckdb")), tmp_path)
    assert found.keys() == {"events", "profiles"}
    assert "TABLE or SCHEMA.TABLE" in found["profiles"]
