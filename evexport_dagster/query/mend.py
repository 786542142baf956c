"""The rows of a chunk that are not proved clean, mended; the tables that everything else reads."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evexport_dagster.compiled.gather import gathered
from evexport_dagster.compiled.numbers import booleans, integers_of, numbers
from evexport_dagster.compiled.objects import UNPROVED, shapes_of
from evexport_dagster.compiled.spans import Spans, spans
from evexport_dagster.query.exact import string_array
from evexport_dagster.query.prove import PROPERTIES
from evexport_dagster.query.survey import Survey
from evexport_dagster.strict_json import clean, clean_as_string


def take_chunk(
    con: duckdb.DuckDBPyConnection, chunk: pa.Table, survey: Survey, *, as_string: bool
) -> Spans:
    """Make `staged` and `shapes` of a chunk; gives the clean properties of its rows, by `row`. What
    it learns goes to the survey.

    `staged` are its rows. `shapes` are the lists of keys that their clean properties have, by event
    and `shape`, with the JSON types of the values in the first of them. One list may have two
    shapes, if its keys are spelled in two ways. `as_string` makes every scalar a text.
    """
    con.register("chunk", chunk)
    survey.add_rows(con)
    before = spans(chunk.column(PROPERTIES))
    _make_shapes(con, f"chunk WHERE way < {UNPROVED}", before, "clean_shapes")
    unclean = _take_unclean(con, chunk)
    mended = _mended(chunk.filter(booleans(unclean)), survey, as_string=as_string)
    con.register("chunk", chunk.append_column("unclean", booleans(unclean)))
    con.register("mended", mended)
    texts = before.replaced(integers_of(mended.column("row")), spans(mended.column(PROPERTIES)))
    _make_shapes(con, "mended", texts, "mended_shapes")
    con.execute(
        """
        CREATE OR REPLACE TEMP VIEW staged AS
        SELECT * EXCLUDE (unclean) FROM chunk WHERE NOT unclean
        UNION ALL FROM mended;
        CREATE OR REPLACE TEMP TABLE shapes AS
        SELECT event, shape, sum(n)::BIGINT AS n, min(position) AS position,
            any_value(keys) AS keys, arg_min(kinds, position) AS kinds
        FROM (FROM clean_shapes UNION ALL FROM mended_shapes) GROUP BY event, shape
        """
    )
    survey.add_names(con)
    return texts


def _make_shapes(con: duckdb.DuckDBPyConnection, rows: str, texts: Spans, name: str) -> None:
    """Make a table of the shapes of rows with clean properties, which lie there.

    Only the first row of a shape is parsed.
    """
    found = con.sql(
        f"""
        SELECT event, shape, count(*) AS n, min(position) AS position,
            arg_min(row, position) AS row
        FROM {rows} GROUP BY event, shape
        """
    ).to_arrow_table()
    first = gathered(texts.take(integers_of(found.column("row"))))
    con.register("found", found.append_column("first", first))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        SELECT event, shape, n, position, json_keys(first) AS keys,
            json_type(first, '$.*') AS kinds
        FROM found
        """
    )
    con.unregister("found")


_DOUBLED = "len(keys) > len(list_distinct(keys))"


def _take_unclean(con: duckdb.DuckDBPyConnection, chunk: pa.Table) -> NDArray[np.bool_]:
    """Which rows have to be mended. Takes their shapes from `clean_shapes`.

    A key that comes twice is not looked for in each row, but rows of one shape have the same keys,
    and shapes are few.
    """
    unclean: NDArray[np.bool_] = integers_of(chunk.column("way")) == UNPROVED
    doubled = con.execute(f"DELETE FROM clean_shapes WHERE {_DOUBLED} RETURNING shape").fetchall()
    if doubled:
        unclean |= np.isin(integers_of(chunk.column("shape")), np.array(doubled, np.uint64))
    return unclean


def _mended(rows: pa.Table, survey: Survey, *, as_string: bool) -> pa.Table:
    """Rows with their properties cleaned, and the shapes of these."""
    events, texts = (rows.column(name).to_pylist() for name in ("event", PROPERTIES))
    cleaned = [(clean_as_string if as_string else clean)(text) for text in texts]
    for event, it in zip(events, cleaned, strict=True):
        if it.odd:
            survey.add_oddities(event, it.odd)
    clean_texts = string_array([it.text for it in cleaned])
    found = spans(clean_texts)
    rows = _with(rows, PROPERTIES, clean_texts)
    return _with(rows, "shape", numbers(shapes_of(found.addresses, found.lengths)))


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, values)
