"""Profiles as the rows of a window: the newest row of each one that changed, once.

    source_profiles ──> heads ──┐
                                ├─> chosen ──> source_profiles, source_events ──> the usual way
    known (former windows) ─────┘      └─────> what is known from now on

What "changed since" means has to hold whatever comes late: the files of all windows, replayed in
their order, give what the source has. So a profile belongs to a window if

- its `updated_at` lies in it, or
- `updated_at` lies before the window's end, or is missing, and the row is another one than the
  files say by now: it came late, or came back, or another revision of the export exports it, or
- the window had it when it was delivered before, and no later one has had it since.

Vanished are those that the files still have and the source has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from evexport_dagster.errors import Fault, SourceError
from evexport_dagster.query.stage import OBJECTS, seen, sql_instant
from evexport_dagster.source import EVENTS_VIEW, PROFILES_VIEW, Lake
from evexport_dagster.spec.model import PROFILES, ExportSpec, Recurring
from evexport_dagster.text import sql_literal
from evexport_dagster.windows import Window

DUPLICATES: Final = "duplicate_profile_rows_in_source"
WITHOUT_ID: Final = "rows_without_profile_id_in_source"

_TEXTS: Final = ("email", "phone", "name", "gender", "dob", "push_token")
_OBJECTS: Final = OBJECTS[PROFILES_VIEW]
_NO_ROW: Final = 0
"""A fingerprint that is that of no row; NULL is that of a profile that is listed as vanished."""


@dataclass(frozen=True)
class Taking:
    """Which profiles a window of an export takes.

    `is_full`: all of them, whenever they changed. `revision` is that of the export: what another
    one has exported does not count.
    """

    spec: ExportSpec
    window: Window
    revision: int
    is_full: bool


def require_updates(lake: Lake, spec: ExportSpec) -> None:
    """Raise SourceError where a recurring export cannot tell what changed."""
    if isinstance(spec.schedule, Recurring) and "updated_at" not in lake.profile_columns:
        fault = Fault(
            f"evexport.yaml: sources.{spec.source}.profiles.columns.updated_at",
            "",
            "is needed to tell which profiles changed: map it, or export once (`one_time`)",
        )
        raise SourceError(f"export {spec.name!r} cannot be recurring", [fault])


def show_profiles(con: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """Put the profiles of the source into the place of its events, all at one time."""
    con.execute(f"CREATE OR REPLACE VIEW {EVENTS_VIEW} AS {_as_events(PROFILES_VIEW, at)}")


def take_profiles(
    con: duckdb.DuckDBPyConnection, taking: Taking, known: Sequence[Path]
) -> dict[str, int]:
    """Put the profiles that a window takes into the place of the source's profiles and events.

    `known` are files that `keep_known` wrote for this export, named by numbers that tell which is
    the newer one. Gives what was odd about the source.
    """
    con.execute(f"CREATE OR REPLACE TABLE known_profiles AS {_known(known)}")
    con.execute(
        f"""
        CREATE OR REPLACE TABLE heads AS
        SELECT profile_id, updated_at, fingerprint, fits FROM ({_rows(taking)})
        WHERE profile_id IS NOT NULL
        """
    )
    odd = _counted(con)
    if odd[DUPLICATES]:
        con.execute(
            """
            CREATE OR REPLACE TABLE heads AS FROM heads QUALIFY row_number() OVER (
                PARTITION BY profile_id ORDER BY updated_at DESC NULLS LAST, fingerprint
            ) = 1
            """
        )
    con.execute(
        f"""
        CREATE OR REPLACE TABLE chosen AS
        SELECT heads.profile_id, heads.fingerprint
        FROM heads LEFT JOIN known_profiles AS known USING (profile_id)
        WHERE fits AND ({_belongs(taking)});
        CREATE OR REPLACE TABLE vanished AS
        SELECT profile_id FROM known_profiles AS known
        ANTI JOIN (FROM heads WHERE fits) USING (profile_id)
        WHERE {_is_listed(taking)};
        CREATE OR REPLACE TABLE taken AS
        SELECT * EXCLUDE (fits)
            REPLACE (coalesce(position, (row_number() OVER ())::UBIGINT) AS position)
        FROM ({_rows(taking)}) SEMI JOIN chosen USING (profile_id, fingerprint)
        {"QUALIFY row_number() OVER (PARTITION BY profile_id) = 1" if odd[DUPLICATES] else ""};
        CREATE OR REPLACE VIEW {PROFILES_VIEW} AS SELECT * EXCLUDE (fingerprint) FROM taken;
        CREATE OR REPLACE VIEW {EVENTS_VIEW} AS {_as_events("taken", taking.window.start)}
        UNION ALL BY NAME {_as_events(f"({_VANISHED})", taking.window.start)}
        """
    )
    return odd


def keep_known(con: duckdb.DuckDBPyConnection, window: Window, path: Path) -> None:
    """Write what is known of the profiles that were taken, once their window is delivered, and of
    those that the window had before: whatever the files say of these now, it is no row."""
    start = _micros(window.start)
    _copy(
        con,
        f"""
        SELECT profile_id, fingerprint, {start} AS window_start FROM taken
        UNION ALL SELECT profile_id, NULL, {start} FROM vanished
        UNION ALL SELECT profile_id, {_NO_ROW}, {start} FROM known_profiles
            ANTI JOIN taken USING (profile_id) ANTI JOIN vanished USING (profile_id)
            WHERE window_start = {start}
        """,
        path,
    )


def keep_all_known(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write what was known before, as one file."""
    _copy(con, "SELECT profile_id, fingerprint, window_start FROM known_profiles", path)


def _copy(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    con.execute(f"COPY ({query}) TO {sql_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def _known(files: Sequence[Path]) -> str:
    """What the files have in the end: of each profile what the last window says."""
    if not files:
        return (
            "SELECT NULL::VARCHAR AS profile_id, NULL::UBIGINT AS fingerprint,"
            " NULL::BIGINT AS window_start WHERE false"
        )
    paths = ", ".join(sql_literal(str(path)) for path in files)
    return f"""
        SELECT profile_id, last.fingerprint AS fingerprint, last.window_start AS window_start
        FROM (
            SELECT profile_id, arg_max(
                {{'fingerprint': fingerprint, 'window_start': window_start}},
                [window_start, parse_filename(filename, true)::BIGINT]
            ) AS last
            FROM read_parquet([{paths}], filename = true) GROUP BY profile_id
        )
    """


def _rows(taking: Taking) -> str:
    """Every row of the source with its fingerprint, and whether the predicate lets it pass."""
    texts = [*_TEXTS, *_OBJECTS, "to_json(identities)::VARCHAR", "instance_id::VARCHAR"]
    texts += ["epoch_us(updated_at)::VARCHAR", sql_literal(str(taking.revision))]
    # Kept for months: DuckDB's own hash may be another one in its next version.
    fingerprint = f"md5_number_lower(to_json([{', '.join(texts)}])::VARCHAR)"
    rows = f"SELECT *, true AS fits FROM {PROFILES_VIEW}"
    if taking.spec.where is not None:
        rows = f"""
            SELECT raw.*, coalesce(({taking.spec.where}
            ), false) AS fits FROM ({seen(f"FROM {PROFILES_VIEW}", PROFILES_VIEW)})
        """
    return f"SELECT *, {fingerprint} AS fingerprint FROM ({rows})"


def _belongs(taking: Taking) -> str:
    """SQL condition on `heads` and `known`: the profile belongs to the window."""
    if taking.is_full:
        return "true"
    start, end = sql_instant(taking.window.start), sql_instant(taking.window.end)
    return f"""
        (updated_at >= {start} AND updated_at < {end})
        OR known.window_start = {_micros(taking.window.start)}
        OR (known.fingerprint IS DISTINCT FROM heads.fingerprint
            AND coalesce(updated_at < {end}, true) AND {_stays(taking)})
    """


def _is_listed(taking: Taking) -> str:
    """SQL condition on `known`: a profile that is not in the source is listed as vanished."""
    if not taking.spec.tombstones:
        return "false"
    # One that is listed already stays listed where it was.
    listed = f"window_start = {_micros(taking.window.start)}"
    return f"(fingerprint IS NOT NULL OR {listed}) AND {_stays(taking)}"


def _stays(taking: Taking) -> str:
    """SQL condition on `known`: no later window has said something else of the profile."""
    return f"coalesce(known.window_start <= {_micros(taking.window.start)}, true)"


_VANISHED: Final = """
    SELECT profile_id, NULL::VARCHAR AS device, NULL::VARCHAR AS properties,
        NULL::BIGINT AS instance_id, 0::UBIGINT AS position
    FROM vanished
"""


def _as_events(rows: str, at: datetime) -> str:
    return f"""
        SELECT profile_id AS event_id, {sql_literal(PROFILES)} AS event_name,
            {sql_instant(at)} AS event_time, profile_id, device, properties AS event_props,
            NULL::VARCHAR AS session_props, instance_id, NULL::TIMESTAMPTZ AS arrived_at, position
        FROM {rows} WHERE profile_id IS NOT NULL
    """


def _counted(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    ((further,),) = con.execute(
        "SELECT count(*) - count(DISTINCT profile_id) FROM heads"
    ).fetchall()
    without = f"SELECT count(*) FROM {PROFILES_VIEW} WHERE profile_id IS NULL"
    ((nameless,),) = con.execute(without).fetchall()
    return {DUPLICATES: int(further), WITHOUT_ID: int(nameless)}


def _micros(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000
