"""The pieces of the people and devices of a chunk: found, or rendered and kept for the next one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import integers_of, numbers
from evexport_dagster.errors import BugError
from evexport_dagster.query.join import add_devices, add_people, begin_people
from evexport_dagster.query.shape import DEVICES, PEOPLE, RecordShape
from evexport_dagster.query.staged import Staged
from evexport_dagster.source import Lake

ODD_PHONES = "phones_not_e164"
MISSING_PROFILES = {"events": "events_without_profile", "profiles": "profiles_vanished"}

_IDS_OF_CHUNK = "SELECT profile_id FROM people_of_chunk"


class Pieces:
    """The people and devices of a window, as records need them.

    `further_profiles` is how many more rows than one the source had of them.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, lake: Lake, shape: RecordShape) -> None:
        self._con, self._lake, self._shape = con, lake, shape
        self.further_profiles = 0
        begin_people(con, shape)

    def add_people(self, ids: str = _IDS_OF_CHUNK) -> None:
        """Render those of some profiles (SQL) that are not known."""
        self.further_profiles += add_people(self._con, self._lake, self._shape, ids)

    def of(self, staged: Staged) -> Mapping[str, pa.Table]:
        """Those of a chunk by the names of their tables; `number` is where each row stands.

        Each has its pieces, and `is_odd`; people have `is_missing` and `odd_phone`, too, devices
        `platform`.
        """
        people = self._people()
        if len(people) < len(staged.profile_ids):
            self.add_people()
            people = self._people()
        return {
            PEOPLE: _in_order(people, len(staged.profile_ids)),
            DEVICES: _in_order(self._devices(staged), len(staged.device_texts)),
        }

    def _people(self) -> pa.Table:
        columns = f"""
            number, NOT is_known AS is_missing, odd_phone, coalesce(len(odd) > 0, false) AS is_odd
            {self._columns(PEOPLE)}
        """
        # With IS NOT DISTINCT FROM, DuckDB would read the pieces of all people.
        return self._con.sql(
            f"""
            SELECT {columns} FROM people_of_chunk JOIN people USING (profile_id)
            UNION ALL
            SELECT {columns} FROM people_of_chunk, people
            WHERE people_of_chunk.profile_id IS NULL AND people.profile_id IS NULL
            """
        ).to_arrow_table()

    def _devices(self, staged: Staged) -> pa.Table:
        columns = f"number, odd IS NOT NULL AS is_odd, platform{self._columns(DEVICES)}"
        known = f"SELECT {columns} FROM devices_of_chunk JOIN devices USING (device)"
        found = self._con.sql(known).to_arrow_table()
        is_new = np.ones(len(staged.device_texts), np.bool_)
        is_new[integers_of(found.column("number"))] = False
        if not is_new.any():
            return found
        new = numbers(np.flatnonzero(is_new))
        add_devices(
            self._con,
            self._shape,
            pa.Table.from_arrays([new, staged.device_texts.take(new)], ["number", "device"]),
        )
        added = self._con.sql(f"SELECT {columns} FROM new_devices").to_arrow_table()
        return pa.concat_tables([found, added])

    def _columns(self, table: str) -> str:
        return "".join(f", {it.column}" for it in self._shape.pieces_of(table))


def _in_order(rows: pa.Table, count: int) -> pa.Table:
    found = integers_of(rows.column("number"))
    order = np.argsort(found)
    # Anything else would give a record the values of somebody else.
    if not np.array_equal(found[order], np.arange(count)):
        raise BugError(f"{count} people or devices of a chunk, {len(rows)} found")
    return rows.take(numbers(order))


def odd_people(
    con: duckdb.DuckDBPyConnection,
    shape: RecordShape,
    staged: Staged,
    pieces: Mapping[str, pa.Table],
) -> list[Counter[str]]:
    """What is odd about the people and devices of a chunk, per event, by the number of rows."""
    people, devices = pieces[PEOPLE], pieces[DEVICES]
    missing, phones, odd = (
        _truths(people.column(name))[staged.people]
        for name in ("is_missing", "odd_phone", "is_odd")
    )
    odd |= _truths(devices.column("is_odd"))[staged.devices]
    counted: list[Counter[str]] = [Counter() for _ in shape.events]
    for name, which in ((MISSING_PROFILES[shape.spec.type], missing), (ODD_PHONES, phones)):
        for event, rows in enumerate(np.bincount(staged.events[which]).tolist()):
            counted[event][name] += rows
    for event, what, rows in _odd_objects(con, staged, odd):
        for name, count in json.loads(what).items():
            counted[event][f"profile_or_device_{name}"] += count * rows
    return counted


def _truths(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return integers_of(column.cast(pa.uint8())).astype(np.bool_)


def _odd_objects(
    con: duckdb.DuckDBPyConnection, staged: Staged, odd: NDArray[np.bool_]
) -> list[tuple[int, str, int]]:
    """(event, what is odd, rows), of the rows about which something is."""
    if not odd.any():
        return []
    arrays = [numbers(it[odd]) for it in (staged.events, staged.people, staged.devices)]
    con.register("odd_rows", pa.Table.from_arrays(arrays, ["event", "person", "device"]))
    return con.execute(_ODD_OBJECTS).fetchall()


_ODD_OBJECTS = """
    SELECT event, what, count(*)
    FROM (
        SELECT event, unnest(odd) AS what
        FROM odd_rows JOIN people_of_chunk ON person = number
            JOIN people ON people_of_chunk.profile_id IS NOT DISTINCT FROM people.profile_id
        UNION ALL
        SELECT event, odd
        FROM odd_rows JOIN devices_of_chunk ON odd_rows.device = number
            JOIN devices ON devices_of_chunk.device = devices.device
        WHERE odd IS NOT NULL
    ) GROUP BY event, what
"""
