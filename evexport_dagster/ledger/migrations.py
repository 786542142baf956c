"""Brings a ledger to the schema of this program, by numbered steps that never change.

To change the schema: add `steps/000N_what.sql` (statements that SQLite and Postgres both accept)
and make `schema.py` say the same; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from itertools import count

from sqlalchemy import Connection, func, inspect, select, update

from evexport_dagster.errors import UnavailableError

from .database import Database
from .schema import schema_version

ADVISORY_LOCK = 0x65766578706F7274  # "evexport"


def steps() -> tuple[str, ...]:
    """The SQL of every step; the n-th one, counted from 1, makes version n of the schema."""
    folder = files(__package__) / "steps"
    by_name = sorted((step.name, step) for step in folder.iterdir() if step.name.endswith(".sql"))
    for number, (name, _) in zip(count(1), by_name, strict=False):
        if not name.startswith(f"{number:04}_"):
            raise ValueError(f"Step {number} of the ledger's schema is missing before {name}")
    return tuple(step.read_text("utf-8") for _, step in by_name)


def migrate(database: Database, path: Sequence[str]) -> None:
    """Takes the steps that a ledger lacks, all in one transaction.

    Raises UnavailableError for a ledger that a newer program has written.
    """
    with database.read() as connection:
        version = _version(connection)
    if version != len(path):
        with database.write() as connection:
            _lock(connection, database)
            _upgrade(connection, path, database.label)


def _lock(connection: Connection, database: Database) -> None:
    # On SQLite a writing transaction is alone; on Postgres there may be no row to lock yet.
    if not database.is_sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))


def _upgrade(connection: Connection, path: Sequence[str], label: str) -> None:
    version = _version(connection)
    if version > len(path):
        raise UnavailableError(
            f"The ledger {label} has schema version {version}, this program knows versions up to "
            f"{len(path)}: upgrade evexport-dagster"
        )
    if version == 0:
        schema_version.create(connection)
        connection.execute(schema_version.insert().values(version=0))
    for step in path[version:]:
        for statement in filter(str.strip, step.split(";")):
            connection.exec_driver_sql(statement)
    connection.execute(update(schema_version).values(version=len(path)))


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return int(connection.execute(select(schema_version.c.version)).scalar_one())
