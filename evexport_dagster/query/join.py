"""People and devices, rendered once each: the tables of pieces that records are made of."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from evexport_dagster.formats.cells import ObjectColumn
from evexport_dagster.query.clean import CleanedObject
from evexport_dagster.query.people import SUBSCRIPTIONS, custom_keys, odd_phone, uses_phone
from evexport_dagster.query.shape import DEVICES, PEOPLE, RecordShape
from evexport_dagster.source import PROFILES_VIEW, Lake

DUPLICATE_PROFILES = "duplicate_profile_rows"
# Which of several rows counts must not depend on threads, where `updated_at` does not tell.
_NEWEST_FIRST = (
    "updated_at DESC NULLS LAST, email, phone, name, gender, dob, properties, comm_prefs,"
    " push_token"
)


def begin_people(con: duckdb.DuckDBPyConnection, shape: RecordShape) -> None:
    """Make the tables `people` and `devices`, empty."""
    people, devices = (
        "".join(f", {it.column} VARCHAR" for it in shape.pieces_of(table))
        for table in (PEOPLE, DEVICES)
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE people (
            profile_id VARCHAR, is_known BOOLEAN NOT NULL, odd_phone BOOLEAN NOT NULL,
            odd VARCHAR[]{people}
        );
        CREATE OR REPLACE TEMP TABLE devices (
            device VARCHAR NOT NULL, odd VARCHAR, platform VARCHAR{devices}
        );
        """
    )


def add_people(con: duckdb.DuckDBPyConnection, lake: Lake, shape: RecordShape, rows: str) -> int:
    """Add to `people`, for each `profile_id` of some rows (SQL) that it lacks, the pieces of a
    record, and what is odd about it; returns how many further rows these profiles had.

    Of several rows of a profile the newest by `updated_at` counts. A profile without a row has
    its id and nothing else.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE wanted AS
        FROM (SELECT DISTINCT profile_id FROM ({rows})) AS rows
        WHERE NOT EXISTS (
            FROM people WHERE people.profile_id IS NOT DISTINCT FROM rows.profile_id
        )
        """
    )
    if not _has_rows(con, "wanted"):
        return 0
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE found AS
        FROM {PROFILES_VIEW} SEMI JOIN wanted USING (profile_id)
        """
    )
    further = _keep_newest(con)
    con.execute(
        f"""
        INSERT INTO people
        SELECT profile_id, coalesce(is_found, false) AS is_known,
            {odd_phone("phone") if uses_phone(shape.spec) else "false"} AS odd_phone, odd
            {_rendered(shape, PEOPLE)}
        FROM ({_picked(lake, shape)})
        """
    )
    con.execute("DROP TABLE found")
    return further


def _rendered(shape: RecordShape, table: str) -> str:
    """SQL for the columns of the pieces of a table, each after a comma."""
    return "".join(f", {shape.rendered(it)} AS {it.column}" for it in shape.pieces_of(table))


def _keep_newest(con: duckdb.DuckDBPyConnection) -> int:
    """Leave one row of each profile in `found`; returns how many more there were."""
    counted = "SELECT count(*) - count(DISTINCT profile_id) FROM found"
    (further,) = con.execute(counted).fetchall()[0]
    if further:
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE found AS
            FROM found
            QUALIFY row_number() OVER (PARTITION BY profile_id ORDER BY {_NEWEST_FIRST}) = 1
            """
        )
    return int(further)


def _picked(lake: Lake, shape: RecordShape) -> str:
    """One row for each profile that is wanted, with the members that its pieces are made of."""
    as_string = shape.spec.as_string
    objects = [CleanedObject(name, as_string) for name in ("properties", "comm_prefs", "groups")]
    properties, prefs, own_groups = (_column(it.name) for it in objects)
    groups = own_groups if _has_groups(lake) else prefs
    keys = custom_keys(shape.spec)
    return f"""
        SELECT * EXCLUDE (odd), list_filter(odd, lambda x: x IS NOT NULL) AS odd,
            {_members(properties, keys, as_json=True)} AS custom_json,
            {_members(properties, keys, as_json=False)} AS custom_text,
            {_preferences(shape, prefs, groups)} AS prefs_picked
        FROM (
            SELECT * REPLACE ({", ".join(f"{it.text} AS {it.name}" for it in objects)}),
                {", ".join(f"{it.exact} AS {it.name}_exact" for it in objects)},
                [{", ".join(it.odd for it in objects)}] AS odd
            FROM (
                SELECT *, {", ".join(it.mended for it in objects)}
                FROM (
                    SELECT *, {", ".join(it.way for it in objects)}
                    FROM (
                        SELECT * REPLACE (
                            {_needed("properties", keys)} AS properties,
                            {_needed("comm_prefs", shape.spec.comm_prefs)} AS comm_prefs
                        ), {_groups(lake)} AS groups
                        FROM wanted
                        LEFT JOIN (SELECT *, true AS is_found FROM found) USING (profile_id)
                    )
                )
            )
        )
    """


def _column(name: str) -> ObjectColumn:
    return ObjectColumn(name, f"{name}_exact")


def _needed(name: str, keys: Sequence[str]) -> str:
    """SQL for an object column; an empty object where no member of it is taken."""
    return f"coalesce({name}, '{{}}')" if keys else "'{}'"


def _has_groups(lake: Lake) -> bool:
    return "subscription_groups" in lake.profile_columns


def _groups(lake: Lake) -> str:
    """SQL for an object with the subscription groups, where they have a column of their own."""
    if not _has_groups(lake):
        return "'{}'"
    return f"coalesce('{{\"{SUBSCRIPTIONS}\":' || subscription_groups || '}}', '{{}}')"


def _preferences(shape: RecordShape, prefs: ObjectColumn, groups: ObjectColumn) -> str:
    """SQL for the list of the selected preferences, in the contract's order: groups first."""
    as_json, chosen = shape.format.picks_json, shape.spec.comm_prefs
    others = [name for name in chosen if name != SUBSCRIPTIONS]
    first = [SUBSCRIPTIONS] if SUBSCRIPTIONS in chosen else []
    lists = (_members(groups, first, as_json=as_json), _members(prefs, others, as_json=as_json))
    return f"list_concat({', '.join(lists)})"


def _members(column: ObjectColumn, keys: Sequence[str], *, as_json: bool) -> str:
    return column.picked(keys, as_json=as_json) if keys else "[]::VARCHAR[]"


def add_devices(con: duckdb.DuckDBPyConnection, shape: RecordShape, devices: pa.Table) -> None:
    """Make the table `new_devices` of devices (`number`, `device`) that `devices` lacks, each with
    its piece of a record, and add them to it."""
    con.register("devices_to_add", devices)
    device = CleanedObject("object", shape.spec.as_string)
    platform = "NULL::VARCHAR"
    if shape.layout.old_values:
        platform = f"{_members(_column('object'), ['platform'], as_json=False)}[1]"
    picked = _members(_column("object"), shape.spec.device, as_json=shape.format.picks_json)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE new_devices AS
        SELECT number, device, odd, platform{_rendered(shape, DEVICES)}
        FROM (
            SELECT *, {picked} AS device_picked, {platform} AS platform
            FROM (
                SELECT number, device, {device.text} AS object, {device.exact} AS object_exact,
                    {device.odd} AS odd
                FROM (
                    SELECT *, {device.mended}
                    FROM (
                        SELECT *, {device.way}
                        FROM (SELECT *, device AS object FROM devices_to_add)
                    )
                )
            )
        );
        INSERT INTO devices SELECT * EXCLUDE (number) FROM new_devices
        """
    )
    con.unregister("devices_to_add")


def _has_rows(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(con.execute(f"FROM {table} LIMIT 1").fetchall())
