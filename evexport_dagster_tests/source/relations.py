"""Relations of a source, as SQL, with what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from evexport_dagster.errors import SourceError
from evexport_dagster.query import exact
from evexport_dagster.settings import Source
from evexport_dagster.source import Lake, open_lake

EVENT = {
    "event_id": "'e1'",
    "event_name": "'Charged'",
    "event_time": "TIMESTAMPTZ '2026-06-14 10:00:00+00'",
    "profile_id": "'p1'",
    "device": """'{"make":"A"}'""",
    "event_props": """'{"Amount":1}'""",
}
PROFILE = {
    "profile_id": "'p1'",
    "identities": "['ann']",
    "email": "'ann@x.y'",
    "phone": "'+1'",
    "name": "'Ann'",
    "gender": "'f'",
    "dob": "DATE '1990-01-02'",
    "properties": "'{}'",
    "comm_prefs": "'{}'",
}


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as a run has it."""
    with duckdb.connect(config={"threads": 2, "autoinstall_known_extensions": False}) as con:
        exact.register(con)
        con.execute("SET TimeZone = 'Pacific/Honolulu'")
        yield con


def select(row: dict[str, str]) -> str:
    """A SELECT of one row."""
    return "SELECT " + ", ".join(f'{value} AS "{name}"' for name, value in row.items())


def source(
    event: dict[str, str] | None = None, profile: dict[str, str] | None = None, **columns: Any
) -> Source:
    """A source of one event and one profile; `events` and `profiles` map columns."""
    return Source.model_validate(
        {
            "events": {
                "sql": select(EVENT | (event or {})),
                "columns": columns.get("events", {}),
            },
            "profiles": {
                "sql": select(PROFILE | (profile or {})),
                "columns": columns.get("profiles", {}),
            },
        }
    )


def files(events: str, profiles: str | None = None, **values: Any) -> Source:
    """A source of files; without profiles it has one."""
    return Source.model_validate(
        {
            "events": {"from": events, "columns": values.pop("columns", {})},
            "profiles": {"sql": select(PROFILE)} if profiles is None else {"from": profiles},
            **values,
        }
    )


def opened(con: duckdb.DuckDBPyConnection, it: Source, folder: Path = Path("/")) -> Lake:
    """The lake of a source, called `lake`."""
    return open_lake(con, "lake", it, folder)


def value(con: duckdb.DuckDBPyConnection, expression: str, view: str = "source_events") -> Any:
    """An expression over the only row of a view."""
    ((found,),) = con.execute(f"SELECT {expression} FROM {view}").fetchall()
    return found


def faults(it: Source, folder: Path = Path("/")) -> dict[str, str]:
    """What is wrong with a source: the place of each fault, and what is said of it."""
    with connected() as con, pytest.raises(SourceError) as caught:
        opened(con, it, folder)
    assert "'lake'" in str(caught.value)
    assert "LINE 1" not in str(caught.value)
    return {
        fault.where.removeprefix("evexport.yaml: sources.lake."): f"{fault.found} {fault.allowed}"
        for fault in caught.value.faults
    }
