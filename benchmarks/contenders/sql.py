"""The projection in DuckDB's SQL, for the contenders that have DuckDB make it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

from benchmarks.contenders.base import DEVICE, PREFERENCES, THREADS, ZONE
from evexport_dagster.text import json_pointer, sql_literal

IDENTITY: Final = """{'identity': coalesce(identities[1], email, phone),
    'all_identities': list_concat(identities, [email, phone]), 'clevertapId': profile_id}"""
PROFILE: Final = """{'Email': email, 'Phone': phone, 'Name': name, 'Gender': gender,
    'tier': properties->'tier'}"""
TIME: Final = "strftime(event_time, '%Y-%m-%dT%H:%M:%S%z')"


def connection(spill: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the settings that its manual has for exports of this size."""
    con = duckdb.connect(
        config={"memory_limit": "4GB", "threads": THREADS, "temp_directory": str(spill)}
    )
    con.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
    con.execute(f"SET TimeZone = '{ZONE}'")
    return con


def rows(lake: Path) -> str:
    """The FROM clause: events with their profiles."""
    return f"'{lake}/events/*.parquet' LEFT JOIN '{lake}/profiles.parquet' USING (profile_id)"


def members(column: str, keys: tuple[str, ...]) -> str:
    """SQL for a STRUCT of some members of a JSON object, as JSON."""
    listed = ", ".join(f"{sql_literal(key)}: {column}->{sql_literal(key)}" for key in keys)
    return f"{{{listed}}}"


def nested(lake: Path) -> str:
    """SELECT of records as nested as JSON is, and `event`."""
    return f"""
        SELECT event_name AS "eventName", {TIME} AS "eventTime", {IDENTITY} AS identity,
            {PROFILE} AS profile, {members("device", DEVICE)} AS "deviceInfo",
            {members("comm_prefs", PREFERENCES)} AS "commPrefs", event_props AS "eventProps",
            event_name AS event
        FROM {rows(lake)}
    """


def stage(con: duckdb.DuckDBPyConnection, lake: Path) -> list[tuple[str, list[str]]]:
    """Make the table `staged` of flat rows; gives each event with its property names."""
    con.execute(
        f"""
        CREATE TEMP TABLE staged AS
        SELECT event_name, {TIME} AS time, coalesce(identities[1], email, phone) AS identity,
            to_json(list_concat(identities, [email, phone]))::VARCHAR AS all_identities,
            profile_id, email, phone, name, gender, properties->>'tier' AS tier, device,
            comm_prefs, event_props
        FROM {rows(lake)}
        """
    )
    return con.execute(
        """
        SELECT event_name, list(DISTINCT key ORDER BY key)
        FROM (SELECT event_name, unnest(json_keys(event_props)) AS key FROM staged)
        GROUP BY ALL
        """
    ).fetchall()


def flat(event: str, keys: list[str]) -> str:
    """SELECT of the rows of an event in `staged`, with a column for each cell of a record."""
    lists = (("device", DEVICE), ("comm_prefs", PREFERENCES), ("event_props", keys))
    picked = ", ".join(
        f'{column}_cells[{n}] AS "{column}.{key}"'
        for column, cells in lists
        for n, key in enumerate(cells, start=1)
    )
    cells = ", ".join(
        f"json_extract_string({column}, [{', '.join(_pointer(key) for key in wanted)}])"
        f" AS {column}_cells"
        for column, wanted in lists
    )
    return f"""
        SELECT event_name, time, identity, all_identities, profile_id, email, phone, name,
            gender, tier, {picked}
        FROM (SELECT *, {cells} FROM staged WHERE event_name = {sql_literal(event)})
    """


def _pointer(key: str) -> str:
    return sql_literal(json_pointer(key))


_TYPES: Final = {
    "member0": ("BOOLEAN", "kind = 'BOOLEAN'"),
    "member1": ("INTEGER", "kind IN ('BIGINT', 'UBIGINT') AND try_cast(v AS INTEGER) IS NOT NULL"),
    "member2": ("BIGINT", "kind IN ('BIGINT', 'UBIGINT') AND try_cast(v AS INTEGER) IS NULL"),
    "member3": ("FLOAT", "false"),
    "member4": ("DOUBLE", "kind = 'DOUBLE'"),
    "member5": ("VARCHAR", "kind NOT IN ('BOOLEAN', 'BIGINT', 'UBIGINT', 'DOUBLE')"),
}


def _union(value: str, kind: str) -> str:
    """SQL for the union that a JSON value is: a STRUCT with a member for each type."""
    listed = ", ".join(
        f"'{member}': CASE WHEN {test.replace('kind', kind).replace('(v ', f'({value} ')}"
        f" THEN try_cast({value} AS {type_}) END"
        for member, (type_, test) in _TYPES.items()
    )
    return f"{{{listed}}}"


def _unions(values: str, kinds: str) -> str:
    pairs = f"list_zip({values}, {kinds})"
    return f"list_transform({pairs}, lambda it: {_union('it[1]', 'it[2]')})"


def _map(column: str, keys: tuple[str, ...]) -> str:
    """SQL for a map of unions: some members of a JSON object, those that are there."""
    pointers = f"[{', '.join(map(_pointer, keys))}]"
    names = f"[{', '.join(map(sql_literal, keys))}]"
    entries = (
        f"list_filter(list_zip({names}, json_extract_string({column}, {pointers}),"
        f" json_type({column}, {pointers})), lambda it: it[2] IS NOT NULL)"
    )
    return (
        f"map_from_entries(list_transform({entries},"
        f" lambda it: {{'k': it[1], 'v': {_union('it[2]', 'it[3]')}}}))"
    )


def _text_map(keys: tuple[str, ...], values: tuple[str, ...]) -> str:
    names = f"[{', '.join(map(sql_literal, keys))}]"
    unions = ", ".join(_union(f"({value})", "'VARCHAR'") for value in values)
    return f"map({names}, [{unions}])"


def unions(lake: Path) -> str:
    """SELECT of records in the columns of our Parquet files, and `event`."""
    of_person = ("Email", "Phone", "Name", "Gender", "tier")
    values = ("email", "phone", "name", "gender", "properties->>'tier'")
    labels = ("identity", "all_identities", "clevertapId")
    identity = "coalesce(identities[1], email, phone)"
    every = "to_json(list_concat(identities, [email, phone]))"
    props = _unions("json_extract_string(event_props, '$.*')", "json_type(event_props, '$.*')")
    return f"""
        SELECT event_name AS "eventName", map(['eventTime'], [{TIME}]) AS timestamp,
            {_text_map(labels, (identity, every, "profile_id"))} AS identity,
            {_map("device", DEVICE)} AS "deviceInfo", {_map("comm_prefs", PREFERENCES)}
                AS "commPrefs",
            {_text_map(of_person, values)} AS profile,
            map(json_keys(event_props), {props}) AS "eventProps", event_name AS event
        FROM {rows(lake)}
    """
