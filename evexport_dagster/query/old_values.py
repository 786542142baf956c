"""Values of event properties as an older layout called them, put back into the rows of a chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import integers_of, numbers
from evexport_dagster.compiled.records import assembled, template, templates
from evexport_dagster.compiled.spans import spans_of
from evexport_dagster.compiled.taken import Kind, around, taken
from evexport_dagster.formats.values import strings
from evexport_dagster.layouts import Layout, OldValue
from evexport_dagster.query.exact import string_array
from evexport_dagster.query.staged import Staged

_NONE = -1


def put_back(
    con: duckdb.DuckDBPyConnection, layout: Layout, staged: Staged, devices: pa.Table
) -> Staged:
    """The rows of a chunk with the old values of those that had others, given the devices of the
    chunk by their numbers."""
    for name, old_values in layout.old_values.items():
        staged = _with_old(con, staged, devices, name, old_values)
    return staged


def _with_old(
    con: duckdb.DuckDBPyConnection,
    staged: Staged,
    devices: pa.Table,
    name: str,
    old_values: Mapping[str, OldValue],
) -> Staged:
    """The rows with the old values of one property, as far as these are texts."""
    keys = [its for (its,) in con.execute("SELECT keys FROM shapes ORDER BY number").fetchall()]
    place = np.array([its.index(name) if name in its else _NONE for its in keys])
    rows = np.flatnonzero(place[staged.shapes] != _NONE)
    if not len(rows):
        return staged
    places, of_rows = place[staged.shapes[rows]], staged.objects.take(rows)
    values = taken(of_rows, templates([template([it]) for it in range(places.max() + 1)]), places)
    old = list(dict.fromkeys(_texts(old_values)))
    platforms = _platforms(devices, staged.devices[rows])
    chosen = _chosen(values.texts, platforms, old_values, old)
    has_old = np.flatnonzero((chosen != _NONE) & (integers_of(values.kinds) == Kind.VARCHAR))
    before, after = around(of_rows.take(has_old), places[has_old])
    now = spans_of([json.dumps(it, ensure_ascii=False) for it in old]).take(chosen[has_old])
    texts = assembled([before, now, after], np.arange(len(has_old)))
    return replace(staged, objects=staged.objects.replaced(rows[has_old], texts.spans))


def _platforms(devices: pa.Table, which: NDArray[np.int64]) -> pa.ChunkedArray:
    """The platforms of some devices, in lower case; '' where there is none."""
    found = pc.fill_null(pc.utf8_lower(devices.column("platform")), strings([""])[0])
    return found.take(numbers(which))


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
    found = pc.index_in(texts, string_array(among).cast(pa.string()))
    is_known = integers_of(found.is_valid().cast(pa.uint8())).astype(np.bool_)
    return np.where(is_known, integers_of(found), len(among))
