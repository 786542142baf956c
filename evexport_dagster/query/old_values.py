"""Values of event properties as an older layout called them, put back into the rows of a chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import integers_of
from evexport_dagster.compiled.records import Filled, filled, templates
from evexport_dagster.compiled.spans import Spans
from evexport_dagster.compiled.taken import Kind, taken
from evexport_dagster.compiled.values import AS_JSON
from evexport_dagster.layouts import Layout, OldValue
from evexport_dagster.query.exact import string_array
from evexport_dagster.text import sql_literal

_NONE = -1


def put_back(con: duckdb.DuckDBPyConnection, layout: Layout, objects: Spans) -> Spans:
    """The properties of the rows of `staged`, by `row`, given what they are, with the old values of
    those that had others. `devices` is complete."""
    for name, old_values in layout.old_values.items():
        objects = _with_old(con, objects, name, old_values)
    return objects


def _with_old(
    con: duckdb.DuckDBPyConnection, objects: Spans, name: str, old_values: Mapping[str, OldValue]
) -> Spans:
    """The objects with the old values of one property, as far as these are texts."""
    found = con.sql(
        f"""
        SELECT row, shapes.rowid AS shape, coalesce(lower(platform), '') AS platform
        FROM staged JOIN shapes USING (event, shape) LEFT JOIN devices USING (device)
        WHERE list_contains(keys, {sql_literal(name)})
        """
    ).to_arrow_table()
    if not len(found):
        return objects
    rows = integers_of(found.column("row"))
    shapes, shape = np.unique(integers_of(found.column("shape")), return_inverse=True)
    keys = _keys(con, shapes)
    place = templates([[its.index(name)] for its in keys])
    values = taken(objects.take(rows), place, shape)
    old = list(dict.fromkeys(_texts(old_values)))
    chosen = _chosen(values.texts, found.column("platform"), old_values, old)
    has_old = (chosen != _NONE) & (integers_of(values.kinds) == Kind.VARCHAR)
    pairs, pair = np.unique(shape[has_old] * len(old) + chosen[has_old], return_inverse=True)
    if not len(pairs):
        return objects
    changed = [_object(keys[it // len(old)], name, old[it % len(old)]) for it in pairs.tolist()]
    texts = filled(objects.take(rows[has_old]), templates(changed), pair, AS_JSON)
    return objects.replaced(rows[has_old], texts.spans)


def _keys(con: duckdb.DuckDBPyConnection, shapes: NDArray[np.int64]) -> list[list[str]]:
    every = con.execute("SELECT keys FROM shapes ORDER BY rowid").fetchall()
    return [every[shape][0] for shape in shapes.tolist()]


def _texts(old_values: Mapping[str, OldValue]) -> Sequence[str]:
    return [
        text
        for old in old_values.values()
        for text in ([old] if isinstance(old, str) else old.values())
    ]


def _chosen(
    values: pa.Array,
    platforms: pa.ChunkedArray,
    old_values: Mapping[str, OldValue],
    old: Sequence[str],
) -> NDArray[np.int64]:
    """Which old value each of some values, on a platform, had; _NONE for the others."""
    by_platform = [it for it in old_values.values() if not isinstance(it, str)]
    known = list(dict.fromkeys(name.lower() for its in by_platform for name in its))
    # The last row and the last column are those of what is not known.
    table = np.full((len(old_values) + 1, len(known) + 1), _NONE)
    for line, its in zip(table, old_values.values(), strict=False):
        if isinstance(its, str):
            line[:] = old.index(its)
        else:
            for name, text in its.items():
                line[known.index(name.lower())] = old.index(text)
    value = _index(values, [*old_values])
    return table[value, _index(platforms, known)]


def _index(texts: pa.Array | pa.ChunkedArray, among: Sequence[str]) -> NDArray[np.int64]:
    """Where each text stands among others; their number for one that does not."""
    known = string_array(among).cast(pa.string())
    return integers_of(pc.fill_null(pc.index_in(texts, known), len(among))).astype(np.int64)


def _object(keys: Sequence[str], name: str, value: str) -> Filled:
    """An object of members with these keys, one of them with another value."""
    members = (
        (f"{',' if place else '{'}{_json(key)}:", _json(value) if key == name else place)
        for place, key in enumerate(keys)
    )
    return [*(part for member in members for part in member), "}"]


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
