"""A lake is seen by every connection to the DuckDB instance, and can be opened again."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from evexport_dagster.errors import SourceError
from evexport_dagster.source import unplaceable_rows

from .relations import EVENT, PROFILE, files, opened, select, source, value


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with relations in two schemas, a view, a macro, and names that the lake has."""
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(path) as made:
        made.execute(f"CREATE SCHEMA raw; CREATE TABLE raw.events AS {select(EVENT)}")
        made.execute(f"CREATE TABLE main.profiles AS {select(PROFILE)}")
        made.execute("CREATE VIEW seen AS SELECT * REPLACE ('Seen' AS event_name) FROM raw.events")
        made.execute("CREATE TABLE source_events AS FROM seen")
        made.execute("CREATE MACRO shout(text) AS upper(text)")
        made.execute("CREATE MACRO shouted() AS TABLE SELECT 'Shouted' AS event_name")
    return path


def from_database(path: Path, sql: str, **columns: str) -> dict[str, object]:
    """A source over the database, its events by a query."""
    return {
        "database": path,
        "events": {"sql": sql, "columns": columns},
        "profiles": {"from": "profiles"},
    }


@pytest.mark.parametrize("name", ["sql", "jsonl", "parquet", "duckdb"])
def test_every_connection_sees_the_lake(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, database: Path, name: str
) -> None:
    before = con.cursor()
    rows = con.sql(select(EVENT))
    (tmp_path / "a.jsonl").write_text(
        json.dumps(dict(zip(rows.columns, map(str, *rows.fetchall()), strict=True)))
    )
    rows.write_parquet(str(tmp_path / "a.parquet"))
    mapped = {"event_time": "CAST(event_time AS TIMESTAMPTZ)"}
    opened(
        con,
        {
            "sql": source(),
            "jsonl": files("a.jsonl", columns=mapped),
            "parquet": files("a.parquet"),
            "duckdb": files("raw.events", "profiles", database=database),
        }[name],
        tmp_path,
    )
    for connection in (before, con.cursor()):
        assert value(connection, "event_id || event_props") == 'e1{"Amount":1}'
        assert value(connection, "email", "source_profiles") == "ann@x.y"
        assert unplaceable_rows(connection) == 0


def test_one_connection_streams_while_another_reads(con: duckdb.DuckDBPyConnection) -> None:
    it = source()
    sql = f"SELECT rows.* FROM ({it.events.sql}) AS rows, range(300000)"
    opened(con, it.model_copy(update={"events": it.events.model_copy(update={"sql": sql})}))
    reader = con.sql("FROM source_events").to_arrow_reader(1000)
    reader.read_next_batch()
    assert value(con.cursor(), "email", "source_profiles") == "ann@x.y"
    assert sum(batch.num_rows for batch in reader) == 299_000


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT * FROM raw.events", "Charged"),
        ("FROM Seen", "Seen"),
        ("FROM seen AS é SELECT é.*", "Seen"),
        ('SELECT \'é\' AS sign, "seen".* FROM main."seen"', "Seen"),
        ("FROM source_events", "Seen"),
        ("FROM source_database.raw.events", "Charged"),
        ("WITH seen AS (FROM raw.events) FROM seen", "Charged"),
        ("WITH seen AS (FROM seen) FROM seen", "Seen"),
        ("WITH RECURSIVE seen AS (FROM raw.events UNION FROM seen) FROM seen", "Charged"),
        ("SELECT * FROM (WITH seen AS (FROM raw.events) FROM seen)", "Charged"),
        ("FROM raw.events WHERE event_id IN (SELECT event_id FROM seen)", "Charged"),
        ("FROM raw.events SELECT * REPLACE (shout(event_name) AS event_name)", "CHARGED"),
        (
            "SELECT events.* REPLACE (s.event_name AS event_name) FROM raw.events, shouted() AS s",
            "",
        ),
        ("SELECT * FROM seen -- FROM raw.events", "Seen"),
    ],
)
def test_a_query_over_a_database_means_the_same_on_every_connection(
    con: duckdb.DuckDBPyConnection, database: Path, sql: str, name: str
) -> None:
    opened(con, source().model_validate(from_database(database, sql)))
    for connection in (con, con.cursor()):
        assert value(connection, "event_name") == (name or "Shouted")


def test_a_mapping_over_a_database_may_use_its_relations(
    con: duckdb.DuckDBPyConnection, database: Path
) -> None:
    it = from_database(
        database,
        "FROM raw.events",
        event_name="shout(event_name) -- loud",
        event_id="(SELECT max(email) FROM profiles)",
        profile_id="event_id",
    )
    opened(con, source().model_validate(it))
    found = value(con.cursor(), "[event_name, event_id, profile_id]")
    assert found == ["CHARGED", "ann@x.y", "e1"]


def test_a_lake_can_be_opened_again(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, database: Path
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(dict.fromkeys([*EVENT], "from a file")))
    mapped = {"event_time": "now()"}
    for connection in (con, con.cursor()):
        for it, event in (
            (source(), "e1"),
            (files("a.jsonl", columns=mapped), "from a file"),
            (files("seen", "profiles", database=database), "e1"),
            (source({"event_id": "'e2'"}), "e2"),
        ):
            opened(connection, it, tmp_path)
            assert value(con, "event_id") == value(con.cursor(), "event_id") == event


def test_a_source_that_does_not_fit_leaves_the_lake_as_it_was(
    con: duckdb.DuckDBPyConnection,
) -> None:
    opened(con, source())
    with pytest.raises(SourceError):
        opened(con, source({"event_id": "'e2'"}, {"identities": "7"}))
    assert value(con, "event_id") == "e1"
