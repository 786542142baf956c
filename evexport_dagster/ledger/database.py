"""One SQLAlchemy engine: SQLite by default, Postgres by URL; transactions that read or write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteOperationalError
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from evexport_dagster.errors import BugError, SpecError, UnavailableError

BUSY_SECONDS = 30
WRITES = "ledger_writes"
# Several statements of one reading transaction see one state of the ledger (SQLite always does).
SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class ConflictError(BugError):
    """A constraint of the schema refused a write."""


class Database:
    """Hands out transactions; whatever the driver raises leaves as one of our own errors."""

    def __init__(self, url: str) -> None:
        """Nothing is opened yet. Raises SpecError for a URL that cannot be a ledger's."""
        parsed = _parsed(url)
        self.label = parsed.render_as_string(hide_password=True)
        self._engine = _engine(parsed)
        self._snapshot = {} if self.is_sqlite else SNAPSHOT

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger and changes nothing."""
        with self._translated(), self._engine.connect() as connection:
            connection.execution_options(**self._snapshot)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is kept whole or not at all.

        On SQLite it is alone from its start; on Postgres it locks the rows that it decides by.
        """
        with self._translated(), self._engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise ConflictError(
                f"The ledger {self.label} refused a write: {_reason(error)}"
            ) from None
        except (DataError, ProgrammingError) as error:
            raise BugError(
                f"The ledger {self.label} refused a statement: {_reason(error)}"
            ) from None
        except DBAPIError as error:
            raise UnavailableError(
                f"The ledger {self.label} cannot be used: {_reason(error)}. "
                "Check that it can be reached and written to."
            ) from error
        except PoolTimeoutError as error:
            raise UnavailableError(f"The ledger {self.label} is busy: {error}") from error


def _reason(error: DBAPIError) -> str:
    """What the database says, without the lines in which Postgres quotes the row."""
    return next(iter(str(error.orig).splitlines()), "no reason given")


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SpecError(
            "The ledger's URL cannot be read: write sqlite:///path/to/ledger.db or "
            "postgresql://user@host/database"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    label = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise SpecError(f"The ledger {label} cannot be used: it is kept in SQLite or Postgres")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise SpecError(f"The ledger {label} needs a file: it must outlive this process")
    return parsed


def _engine(url: URL) -> Engine:
    # The parameters of a failed statement are the customer's data: they stay out of messages.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() == "postgresql":
        try:
            return create_engine(url, pool_pre_ping=True, **options)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise SpecError(
                f"A ledger in Postgres needs a driver ({error}): "
                "pip install 'evexport-dagster[postgres]'"
            ) from None
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **options)
    event.listen(engine, "do_connect", lambda *_: _make_folder(url))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(url: URL) -> None:
    path = str(url.database)
    if path.startswith("file:"):
        return
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"The folder of the ledger {path} cannot be made: {error.strerror or error}"
        ) from error


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    # The driver would begin deferred transactions by itself, which deadlock when two of them write.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # The switch to WAL does not wait for other connections, whatever the busy timeout is.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except SqliteOperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
