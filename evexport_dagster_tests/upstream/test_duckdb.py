"""Facts about DuckDB that the exporter relies on; a release that changes one fails here."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb import sqltypes
from duckdb.func import PythonUDFType


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 2})


def one(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> Any:
    ((found,),) = con.execute(f"SELECT {sql}", list(values)).fetchall()
    return found


def test_integers_of_64_bits_are_extracted_exactly(con: duckdb.DuckDBPyConnection) -> None:
    rng = Random(1)
    numbers = [2**64 - 1, 9_999_999_999_999_999_999, 10**18, -(10**18) + 1, 0]
    numbers += [rng.randrange(-(10**18) + 1, 2**64) for _ in range(5000)]
    texts = pa.table({"t": [f'{{"a":{number}}}' for number in numbers]})
    con.register("texts", texts)
    found = con.execute("SELECT json_extract_string(t, ['/a'])[1] FROM texts").fetchall()
    assert [text for (text,) in found] == [str(number) for number in numbers]


def test_numbers_of_fifteen_digits_are_extracted_exactly(con: duckdb.DuckDBPyConnection) -> None:
    rng = Random(2)
    numbers = ["999999999999999e99", "1e-99", "0.000000000000001", "-0.1e-99"]
    for _ in range(5000):
        digits, point = rng.randrange(10**14, 10**15), rng.randrange(1, 15)
        exponent = rng.choice(("", f"e{rng.randrange(-99, 100)}"))
        numbers.append(f"{str(digits)[:point]}.{str(digits)[point:]}{exponent}")
    con.register("texts", pa.table({"t": [f'{{"a":{number}}}' for number in numbers]}))
    for function in ("json_extract", "json_extract_string"):
        sql = f"SELECT {function}(t, ['/a'])[1]::VARCHAR FROM texts"
        found = [Decimal(text) for (text,) in con.execute(sql).fetchall()]
        assert found == [Decimal(number) for number in numbers]


def test_longer_numbers_are_not(con: duckdb.DuckDBPyConnection) -> None:
    for number in ("0.1234567890123456789", "123456789012345678e1"):
        text = one(con, "json_extract_string(?, '/a')", f'{{"a":{number}}}')
        assert Decimal(text) != Decimal(number)


def test_of_keys_that_come_twice_the_first_is_extracted(con: duckdb.DuckDBPyConnection) -> None:
    text = '{"\\u0061":1,"a":2}'
    assert one(con, "json_extract_string(?, ['/a'])", text) == ["1"]
    assert one(con, "json_keys(?)", text) == ["a", "a"]


def test_a_null_member_is_extracted_as_null_from_text(con: duckdb.DuckDBPyConnection) -> None:
    assert one(con, "json_extract_string(?, ['/a', '/b'])", '{"a":null}') == [None, None]
    assert one(con, "json_extract(?, ['/a', '/b'])::VARCHAR[]", '{"a":null}')[1] is None


@pytest.mark.parametrize(
    "text", ['{"a":NaN}', '{"a":-Infinity}', '{"a":1,}', "[1]", "7", ' {"a":1} ']
)
def test_json_valid_is_no_proof_of_a_strict_object(
    con: duckdb.DuckDBPyConnection, text: str
) -> None:
    assert one(con, "json_valid(?)", text)


@pytest.mark.parametrize("text", ['{"a":"\\ud800"}', "{a:1}", "{'a':1}", "{} {}", "", '{"a":01}'])
def test_json_valid_refuses(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert not one(con, "json_valid(?)", text)


def test_a_function_in_a_case_only_sees_the_rows_of_its_branch(
    con: duckdb.DuckDBPyConnection,
) -> None:
    seen: list[str] = []

    def watched(text: pa.ChunkedArray) -> pa.ChunkedArray:
        seen.extend(text.to_pylist())
        return text

    con.create_function(
        "watched", watched, [sqltypes.VARCHAR], sqltypes.VARCHAR, type=PythonUDFType.ARROW
    )
    con.execute("CREATE TABLE t AS SELECT i, i::VARCHAR AS text FROM range(10000) r(i)")
    con.execute("SELECT CASE WHEN i % 1000 = 7 THEN watched(text) ELSE '' END FROM t").fetchall()
    assert sorted(seen, key=int) == [str(n) for n in range(7, 10000, 1000)]


def test_a_full_match_takes_the_whole_text_lines_and_all(con: duckdb.DuckDBPyConnection) -> None:
    for text, expected in (("ab", True), ("ab\n", False), ("\nab", False), ("xab", False)):
        assert one(con, "regexp_full_match(?, 'ab')", text) is expected
    assert one(con, "regexp_full_match(?, '[^x]*')", "a\nb\u2028\U0001f600") is True
    assert one(con, r"regexp_full_match(chr(0), '[\x00-\x1f]')") is True


def test_a_match_takes_time_in_proportion_to_its_text(con: duckdb.DuckDBPyConnection) -> None:
    text = '{"a":"' + '\\"' * 500_000
    assert (
        one(con, r"""regexp_full_match(?, '\{("([^"\\]|\\.)*":"([^"\\]|\\.)*",?)*\}')""", text)
        is False
    )


def test_rows_of_parquet_files_have_a_place(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for name, count in (("b", 5), ("a", 3)):
        con.execute(
            f"COPY (SELECT '{name}' AS f, i FROM range({count}) r(i))"
            f" TO '{tmp_path / name}.parquet' (ROW_GROUP_SIZE 2)"
        )
    files = [str(tmp_path / f"{name}.parquet") for name in "ab"]
    rows = con.execute(
        f"SELECT f, i, file_index, file_row_number FROM read_parquet({files!r}) WHERE i <> 1"
    ).fetchall()
    expected = [("a", i, 0, i) for i in (0, 2)] + [("b", i, 1, i) for i in (0, 2, 3, 4)]
    assert sorted(rows) == expected


def test_a_column_of_lines_comes_out_without_a_copy_per_row(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SET preserve_insertion_order = true")
    query = "SELECT i::VARCHAR || chr(10) AS line FROM range(100000) r(i)"
    reader = con.sql(query).to_arrow_reader(32_768)
    batches = list(reader)
    assert all(pa.types.is_string(batch.schema[0].type) for batch in batches)
    lines = [line for batch in batches for line in batch.column(0).to_pylist()]
    assert lines == [f"{n}\n" for n in range(100_000)]


@pytest.mark.parametrize("text", ["", "a\0b", '"', "\\", "\x1f\x7f", "é価😀", "\u2028"])
def test_to_json_of_a_text_is_strict_json(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert json.loads(one(con, "to_json(?::VARCHAR)", text)) == text


def test_to_json_of_nothing_is_nothing(con: duckdb.DuckDBPyConnection) -> None:
    assert one(con, "to_json(NULL::VARCHAR)") is None


def test_text_joined_to_nothing_is_nothing_and_lists_leave_it_out(
    con: duckdb.DuckDBPyConnection,
) -> None:
    assert one(con, "'a' || NULL") is None
    assert one(con, "array_to_string(['a' || NULL, 'b', '']::VARCHAR[], ',')") == "b,"


def test_what_python_pushes_through_arrow_keeps_nul(con: duckdb.DuckDBPyConnection) -> None:
    con.register("t", pa.table({"x": ["a\0b"]}))
    assert one(con, "x || 'c' FROM t") == "a\0bc"


def test_text_behind_nanoseconds_comes_out_broken(con: duckdb.DuckDBPyConnection) -> None:
    instant = "TIMESTAMP_NS '2026-06-14 10:00:00.5'"
    assert one(con, f"strftime({instant}, '%S.%n')") == "00.500000000"
    assert one(con, f"strftime({instant}, '%S.%nZ')") != "00.500000000Z"


@pytest.mark.parametrize("is_set", [True, False])
def test_the_limit_of_temporary_files_has_to_be_set(tmp_path: Path, *, is_set: bool) -> None:
    limit = {} if is_set else {"max_temp_directory_size": "1MB"}
    config: dict[str, Any] = {"memory_limit": "50MB", "threads": 1, **limit}
    con = duckdb.connect(config={**config, "temp_directory": str(tmp_path / "spilled")})
    sort = "CREATE TEMP TABLE t AS SELECT md5(i::VARCHAR) FROM range(1000000) r(i) ORDER BY 1"
    if is_set:
        con.execute("SET max_temp_directory_size = '1MB'")
        with pytest.raises(duckdb.OutOfMemoryException, match="max_temp_directory_size"):
            con.execute(sort)
    else:
        con.execute(sort)
