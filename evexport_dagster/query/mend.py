"""The rows of a chunk that SQL cannot clean, cleaned; the tables that everything else reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from evexport_dagster.query.clean import COMPACT, EXACT, Cleaning
from evexport_dagster.query.exact import string_array
from evexport_dagster.query.survey import Survey
from evexport_dagster.strict_json import Cleaned, clean, clean_as_string, clean_unless_unique


def take_chunk(
    con: duckdb.DuckDBPyConnection, chunk: pa.Table, cleaning: Cleaning, survey: Survey
) -> None:
    """Make `staged` and `shapes` of a chunk. What it learns goes to the survey.

    `staged` are its rows with clean properties; `exact` marks those that only the exact path may
    take apart. `shapes` are the lists of keys that its rows have, by event and `shape`,
    with the JSON types of the values in the first of them.
    """
    con.register("chunk", chunk)
    survey.add_rows(con)
    unclean = _unclean(con)
    rows = con.sql(f"SELECT * EXCLUDE (shape) FROM chunk WHERE {unclean}").to_arrow_table()
    con.register("cleaned", _mended(rows, cleaning, survey))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE mended AS
        SELECT *, hash(json_keys(event_props)) AS shape FROM cleaned;
        CREATE OR REPLACE TEMP VIEW staged AS
        SELECT * EXCLUDE (shape), false AS exact, shape FROM chunk WHERE NOT ({unclean})
        UNION ALL FROM mended;
        CREATE OR REPLACE TEMP TABLE shapes AS
        SELECT event, shape, sum(n)::BIGINT AS n, min(position) AS position,
            any_value(keys) AS keys, arg_min(kinds, position) AS kinds
        FROM (FROM clean_shapes UNION ALL {_shapes("mended")}) GROUP BY event, shape
        """
    )
    survey.add_names(con)


def _unclean(con: duckdb.DuckDBPyConnection) -> str:
    """SQL condition on `chunk`: the row has to be mended. Makes `clean_shapes` of the others.

    A cheap test cannot see in one row that a key comes twice, but rows of one shape have the
    same keys, and shapes are few.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE clean_shapes AS
        {_shapes(f"(FROM chunk WHERE way < {EXACT})")}
        """
    )
    doubled = con.execute(f"SELECT DISTINCT shape FROM clean_shapes WHERE {_DOUBLED}").fetchall()
    if not doubled:
        return f"way >= {EXACT}"
    con.execute(f"DELETE FROM clean_shapes WHERE {_DOUBLED}")
    shapes = ", ".join(str(shape) for (shape,) in doubled)
    return f"way >= {EXACT} OR shape IN ({shapes})"


def _shapes(rows: str) -> str:
    return f"""
        SELECT event, shape, count(*) AS n, min(position) AS position,
            arg_min(event_props, position) AS example, json_keys(example) AS keys,
            json_type(example, '$.*') AS kinds
        FROM {rows} GROUP BY event, shape
    """


_DOUBLED = "len(keys) > len(list_distinct(keys))"


def _mended(rows: pa.Table, cleaning: Cleaning, survey: Survey) -> pa.Table:
    events, ways, texts = (
        rows.column(name).to_pylist() for name in ("event", "way", "event_props")
    )
    cleaned = [_cleaner(way, cleaning)(text) for way, text in zip(ways, texts, strict=True)]
    for event, it in zip(events, cleaned, strict=True):
        if it.odd:
            survey.add_oddities(event, it.odd)
    exact = [way != COMPACT and not cleaning.as_string for way in ways]
    place = rows.schema.get_field_index("event_props")
    made = rows.set_column(place, "event_props", string_array([it.text for it in cleaned]))
    return made.append_column("exact", _booleans(exact))


def _cleaner(way: int, cleaning: Cleaning) -> Callable[[str], Cleaned]:
    if cleaning.as_string:
        return clean_as_string
    return clean_unless_unique if way == COMPACT else clean


def _booleans(values: Sequence[bool]) -> pa.Array:
    bits = int("".join("01"[value] for value in reversed(values)) or "0", 2)
    data = pa.py_buffer(bits.to_bytes(len(values) // 8 + 1, "little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, data])
