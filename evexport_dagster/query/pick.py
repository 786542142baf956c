"""Members of clean objects taken out by their place: one parse a row, no search for keys.

Rows of one shape have the same keys in the same order. So where each wanted member stands is
found once per shape, and all values of a row are extracted at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

# `list_select` refuses NULL, and gives NULL for a place that a list does not have.
_NOWHERE = 1 << 40


def place_members(con: duckdb.DuckDBPyConnection, wanted: Mapping[int, Sequence[str]]) -> None:
    """Make the table `places`: for each shape of an event, where the wanted members stand."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE places AS
        SELECT event, shape,
            list_transform(
                wanted.names, lambda name: coalesce(list_position(keys, name), {_NOWHERE})::BIGINT
            ) AS places
        FROM shapes JOIN (
            SELECT unnest($events::BIGINT[]) AS event, unnest($names::VARCHAR[][]) AS names
        ) AS wanted USING (event)
        """,
        {"events": list(wanted), "names": [list(names) for names in wanted.values()]},
    )


def shapes_left_out(
    con: duckdb.DuckDBPyConnection, exported: Mapping[int, Sequence[str]]
) -> dict[int, list[int]]:
    """The shapes of each event that have a member which is not exported."""
    found: dict[int, list[int]] = {}
    rows = con.execute(
        """
        SELECT event, shape
        FROM shapes JOIN (
            SELECT unnest($events::BIGINT[]) AS event, unnest($names::VARCHAR[][]) AS names
        ) AS exported USING (event)
        WHERE NOT list_has_all(names, keys)
        """,
        {"events": list(exported), "names": list(exported.values())},
    )
    for event, shape in rows.fetchall():
        found.setdefault(event, []).append(shape)
    return found


def members_in_place(text: str, *, as_json: bool) -> str:
    """SQL for a VARCHAR[] of the wanted members of an object, from a row joined with `places`."""
    if as_json:
        return f"list_select(json_extract({text}, '$.*')::VARCHAR[], places)"
    return f"list_select(json_extract_string({text}, '$.*'), places)"
