"""The properties of a chunk's rows made clean, where they are not proved to be."""

from __future__ import annotations

import duckdb
import numpy as np
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import numbers
from evexport_dagster.compiled.objects import UNPROVED, have_a_key_twice, shapes_of
from evexport_dagster.compiled.spans import Spans, spans
from evexport_dagster.query.exact import string_array
from evexport_dagster.query.prove import PROPERTIES, SEED, Chunk
from evexport_dagster.query.staged import Staged, firsts, stage, told_apart
from evexport_dagster.query.survey import Survey
from evexport_dagster.strict_json import clean, clean_as_string


def take_chunk(
    con: duckdb.DuckDBPyConnection, chunk: Chunk, survey: Survey, *, as_string: bool
) -> Staged:
    """A chunk with clean properties, and its tables. What it learns goes to the survey.

    `as_string` makes every scalar a text.
    """
    staged = stage(con, chunk.rows, *_cleaned(chunk, survey, as_string=as_string))
    survey.add_rows(con)
    survey.add_names(con)
    return staged


def _cleaned(chunk: Chunk, survey: Survey, *, as_string: bool) -> tuple[Spans, NDArray[np.uint64]]:
    """The properties of rows, and hashes of their keys; those that are unclean read by Python."""
    rows = _unclean(chunk)
    if not len(rows):
        return chunk.objects, chunk.shapes
    unclean = chunk.rows.select(["event", PROPERTIES]).take(numbers(rows))
    events, texts = (column.to_pylist() for column in unclean.columns)
    cleaned = [(clean_as_string if as_string else clean)(text) for text in texts]
    for event, it in zip(events, cleaned, strict=True):
        if it.odd:
            survey.add_oddities(event, it.odd)
    found = spans(string_array([it.text for it in cleaned]))
    hashes = chunk.shapes.copy()
    hashes[rows] = shapes_of(found.addresses, found.lengths, SEED)
    return chunk.objects.replaced(rows, found), hashes


def _unclean(chunk: Chunk) -> NDArray[np.int64]:
    """The rows that are not proved, or have a key twice: this is looked for in one row for each
    list of keys, which are few."""
    proved = np.flatnonzero(chunk.ways != UNPROVED)
    lists, list_of = told_apart(numbers(chunk.shapes[proved]))
    first, _ = firsts(list_of, proved, len(lists))
    is_doubled = have_a_key_twice(chunk.objects.take(proved[first]))
    is_unclean = chunk.ways == UNPROVED
    is_unclean[proved[is_doubled[list_of]]] = True
    return np.flatnonzero(is_unclean)
