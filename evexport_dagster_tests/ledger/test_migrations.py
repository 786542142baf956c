"""The schema, how a ledger gets to it, and ledgers that cannot be opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text

from evexport_dagster.errors import BugError, SpecError, UnavailableError
from evexport_dagster.ledger import Ledger
from evexport_dagster.ledger.database import Database
from evexport_dagster.ledger.migrations import migrate, steps
from evexport_dagster.ledger.schema import metadata

from .samples import NEXT, NOW, PURCHASES, create

BROKEN = "CREATE TABLE half (id BIGINT NOT NULL);\nINSERT INTO nowhere VALUES (1);\n"


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_steps_make_the_schema_that_the_program_uses(url: str) -> None:
    database = Database(url)
    migrate(database, steps())
    with database.read() as connection:
        made = _described(connection)
    database.close()
    fresh = Database(f"{url}-fresh" if database.is_sqlite else url)
    with fresh.write() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert _described(connection) == made
    fresh.close()


def test_an_older_ledger_is_upgraded_and_keeps_what_it_has(url: str) -> None:
    with Ledger.open(url) as ledger:
        before = create(ledger)
    database = Database(url)
    migrate(database, [*steps(), NEXT, "ALTER TABLE export ADD COLUMN colour TEXT;"])
    migrate(database, [*steps(), NEXT, "ALTER TABLE export ADD COLUMN colour TEXT;"])
    with database.read() as connection:
        assert connection.execute(text("SELECT id FROM later")).scalars().all() == [7]
        assert connection.execute(text("SELECT name, colour FROM export")).all() == [
            (before.name, None)
        ]
    database.close()


def test_an_upgrade_that_fails_changes_nothing(url: str) -> None:
    database = Database(url)
    migrate(database, steps())
    with pytest.raises(Exception, match="nowhere"):
        migrate(database, [*steps(), NEXT, BROKEN])
    with database.read() as connection:
        assert not {"later", "half"} & set(inspect(connection).get_table_names())
    migrate(database, [*steps(), NEXT])
    database.close()


def test_a_newer_ledger_is_refused(url: str) -> None:
    database = Database(url)
    migrate(database, [*steps(), NEXT])
    database.close()
    newer, known = len(steps()) + 1, len(steps())
    with pytest.raises(UnavailableError, match=f"version {newer}.*up to {known}: upgrade"):
        Ledger.open(url)


def test_a_ledger_is_still_there_when_it_is_opened_again(url: str) -> None:
    with Ledger.open(url) as ledger:
        created = create(ledger)
    with Ledger.open(url) as ledger:
        assert ledger.exports.create([PURCHASES], NOW) == (created,)


def test_a_sqlite_ledger_outlives_a_power_failure_and_waits_for_others(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    with database.write() as connection:
        pragmas = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in pragmas
        }
    database.close()
    assert found == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": 30_000,
    }


def test_a_ledger_that_cannot_be_written_to_says_so(tmp_path: Path) -> None:
    Ledger.open(f"sqlite:///{tmp_path}/ledger.db").close()
    read_only = f"sqlite:///file:{tmp_path}/ledger.db?mode=ro&uri=true"
    with Ledger.open(read_only) as ledger, pytest.raises(UnavailableError, match="readonly"):
        create(ledger)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match=r"folder of the ledger .*/file/ledger\.db"):
        Ledger.open(f"sqlite:///{tmp_path}/file/ledger.db")


def test_what_is_not_a_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=str(tmp_path)):
        Ledger.open(f"sqlite:///{tmp_path}")
    (tmp_path / "text").write_text("no database at all" * 100)
    with pytest.raises(UnavailableError, match="not a database"):
        Ledger.open(f"sqlite:///{tmp_path}/text")


def test_a_server_out_of_reach_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be used") as raised:
        Ledger.open(f"postgresql://me:hunter2@/ledger?host={tmp_path}")
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in repr(raised.value.__cause__)


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://me:hunter2@host/ledger", "ledger.db"]
)
def test_a_url_that_cannot_be_a_ledgers_is_refused(url: str) -> None:
    with pytest.raises(SpecError) as raised:
        Ledger.open(url)
    assert "hunter2" not in str(raised.value)


def test_a_failed_write_does_not_show_its_values(url: str) -> None:
    private = replace(PURCHASES, name="hunter2")
    with Ledger.open(url) as ledger, pytest.raises(BugError, match="refused a write") as raised:
        ledger.exports.create([private, private], NOW)
    assert "hunter2" not in "".join(format_exception(raised.value))


def _described(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                (one["name"], str(one["type"]), one["nullable"])
                for one in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(
                one["column_names"] for one in inspector.get_unique_constraints(table)
            ),
            "references": sorted(
                (one["constrained_columns"], one["referred_table"], one["referred_columns"])
                for one in inspector.get_foreign_keys(table)
            ),
        }
        for table in inspector.get_table_names()
    }
