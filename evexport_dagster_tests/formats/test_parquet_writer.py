"""Parquet's encoding: any columns come back as they were, by readers that others wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evexport_dagster.formats.parquet import pages
from evexport_dagster.formats.parquet.sink import Sink
from evexport_dagster.formats.parquet.writer import ParquetWriter

RELAXED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

SCALARS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.string(): st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    | st.sampled_from(["the same", "the other"]),
}
TYPES = st.recursive(
    st.sampled_from([*SCALARS]),
    lambda inner: (
        inner.map(pa.list_)
        | inner.map(lambda it: pa.map_(pa.string(), it))
        | st.lists(inner, min_size=1, max_size=3).map(
            lambda its: pa.struct([(f"member{n}", it) for n, it in enumerate(its)])
        )
    ),
    max_leaves=4,
)


def values_of(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values of a type, among them None."""
    if kind in SCALARS:
        return st.none() | SCALARS[kind]
    if pa.types.is_list(kind):
        return st.none() | st.lists(values_of(kind.value_type), max_size=3)
    if pa.types.is_map(kind):
        entries = st.tuples(SCALARS[pa.string()], values_of(kind.item_type))
        return st.none() | st.lists(entries, max_size=3, unique_by=lambda it: it[0])
    return st.none() | st.fixed_dictionaries({it.name: values_of(it.type) for it in kind})


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Some columns of any types, and one with the number of its row."""
    kinds = draw(st.lists(TYPES, min_size=1, max_size=3))
    rows = draw(st.integers(1, 25))
    columns = {"row": pa.array(range(rows), pa.int32())}
    for number, kind in enumerate(kinds):
        values = draw(st.lists(values_of(kind), min_size=rows, max_size=rows))
        columns[f"column {number}"] = pa.array(values, kind)
    return pa.table(columns)


def write(path: Path, schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> None:
    sink = Sink(path, None)
    writer = ParquetWriter(sink, schema)
    for batch in batches:
        writer.write(batch)
    writer.close()
    sink.close()


@RELAXED
@given(tables(), st.integers(1, 30), st.integers(1, 10))
def test_any_columns_come_back(table: pa.Table, group_rows: int, page_rows: int) -> None:
    with TemporaryDirectory() as folder, patch.object(pages, "PAGE_ROWS", page_rows):
        ours, theirs = Path(folder, "ours.parquet"), Path(folder, "theirs.parquet")
        write(ours, table.schema, table.to_batches(max_chunksize=group_rows))
        pq.write_table(table, theirs, store_schema=False)
        with pq.ParquetFile(ours, page_checksum_verification=True) as file:
            assert file.schema.equals(pq.read_metadata(theirs).schema)
            assert file.metadata.num_row_groups == -(-len(table) // group_rows)
            assert file.read().to_pylist() == table.to_pylist()
        assert differing(ours, theirs) == 0


def differing(ours: Path, theirs: Path) -> int:
    """Rows of one file that another one lacks, or the other way round, as DuckDB reads them."""
    first, second = (f"FROM '{it}' ORDER BY row" for it in (ours, theirs))
    query = f"""
        SELECT count(*) FROM (SELECT o FROM ({first}) AS o) POSITIONAL JOIN
            (SELECT t FROM ({second}) AS t)
        WHERE o IS DISTINCT FROM t
    """
    with duckdb.connect() as con:
        return int(con.execute(query).fetchall()[0][0])


@pytest.mark.parametrize("distinct", [1, 2, 3, 255, 256, 257, 65_537])
def test_dictionaries_of_any_size(tmp_path: Path, distinct: int) -> None:
    texts = [f"text {n % distinct}" for n in range(max(3 * distinct, 50_000))]
    coded = pa.array(texts).dictionary_encode()
    schema = pa.schema([("texts", pa.string()), ("coded", pa.string())])
    batch = pa.RecordBatch.from_arrays([pa.array(texts), coded], schema.names)
    write(tmp_path / "file.parquet", schema, [batch])
    read = polars.read_parquet(tmp_path / "file.parquet")
    assert read["texts"].to_list() == read["coded"].to_list() == texts
    group = pq.read_metadata(tmp_path / "file.parquet").row_group(0)
    assert "RLE_DICTIONARY" in group.column(1).encodings
    # Texts that are not coded yet are tried, by the first of them.
    assert group.column(0).has_dictionary_page == (distinct < 1000)


@settings(RELAXED, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 70)), min_size=1, max_size=40))
@example([(True, 15), (False, 1), (True, 16), (False, 9), (True, 8)])
def test_runs_and_packed_bits_follow_each_other(runs: list[tuple[bool, int]]) -> None:
    held = [n if is_there else None for is_there, rows in runs for n in range(rows)]
    rows = range(len(held))
    table = pa.table({"row": pa.array(rows, pa.int32()), "held": pa.array(held, pa.int64())})
    with TemporaryDirectory() as folder:
        path = Path(folder, "file.parquet")
        write(path, table.schema, table.to_batches())
        assert pq.read_table(path).to_pylist() == table.to_pylist()


def test_a_dictionary_that_does_not_pay_is_left_out(tmp_path: Path) -> None:
    texts = [*(["the same"] * 5000), *(f"text {n}" for n in range(50_000))]
    batch = pa.RecordBatch.from_arrays([pa.array(texts)], ["texts"])
    write(tmp_path / "file.parquet", batch.schema, [batch])
    assert pq.read_table(tmp_path / "file.parquet").column(0).to_pylist() == texts
    column = pq.read_metadata(tmp_path / "file.parquet").row_group(0).column(0)
    assert column.encodings == ("RLE", "PLAIN")
    assert not column.has_dictionary_page
