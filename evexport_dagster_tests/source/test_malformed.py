"""A malformed row fails no other: it is read as the text that it is, or counted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evexport_dagster.source import event_names, property_names, unplaceable_rows
from evexport_dagster.source.json_files import is_of_lines
from evexport_dagster.source.json_rows import row_texts
from evexport_dagster.source.parquet_text import with_json_as_text

from .relations import EVENT, connected, files, opened, source, value
from .test_files import DAY, HOUR, rows

DEEP = '{"a":' + "[" * 300 + "]" * 300 + "}"
PROPS = ['{"a":1}', '{"a":"\\ud800"}', DEEP, '{"a":NaN}', '{"a":}', '{"a":"x', '{"é":"\U0001f600"}']


def json_table(texts: list[str | None], **others: Any) -> pa.Table:
    """A table whose column `event_props` is of the type JSON, its texts not looked at."""
    props = pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts, pa.string()))
    return pa.table({**others, "event_props": props})


def events_table(texts: list[str | None]) -> pa.Table:
    """Events of these properties, an hour apart."""
    some = [{**row, "n": n} for n, row in enumerate(rows()[:1] * len(texts))]
    plain = pa.Table.from_pylist(some).drop_columns(["event_props", "event_id"])
    ids = pa.array([f"e{n}" for n in range(len(texts))])
    return json_table(
        texts, event_id=ids, **dict(zip(plain.column_names, plain.columns, strict=True))
    )


@pytest.mark.parametrize("version", ["1.0", "2.6"])
@pytest.mark.parametrize("encoding", ["dictionary", "plain", "delta"])
def test_json_columns_of_parquet_are_text(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, version: str, encoding: str
) -> None:
    texts = [*PROPS, None, "", "garbage"]
    pq.write_table(
        events_table(texts),
        tmp_path / "a[1] b.parquet",
        version=version,
        use_dictionary=encoding == "dictionary",
        column_encoding={"event_props": "DELTA_BYTE_ARRAY"} if encoding == "delta" else None,
        row_group_size=4,
    )
    pq.write_table(pa.Table.from_pylist(rows()[:2]), tmp_path / "b.parquet")
    assert opened(con, files("*.parquet"), tmp_path).positioned
    found = con.cursor().execute("SELECT event_props FROM source_events ORDER BY position")
    plain = [row["event_props"] for row in rows()[:2]]
    assert [text for (text,) in found.fetchall()] == [*texts, *plain]
    assert property_names(con, ["Added"])["Added"][:2] == ("a", "é")


def test_json_within_a_struct_stays_json(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    con.sql("""SELECT {'x': '{"b":1}'::JSON, 'y': 'z'} AS s, '{"b":2}'::JSON AS t""").write_parquet(
        path
    )
    assert [
        str(it) for it in con.sql(f"FROM read_parquet({with_json_as_text(con, [path])})").types
    ] == [
        "STRUCT(x JSON, y VARCHAR)",
        "VARCHAR",
    ]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(st.sampled_from(["a", "p", "x" * 40, "é"]), min_size=1, max_size=4, unique=True),
    nested=st.booleans(),
    groups=st.integers(1, 40),
    texts=st.lists(st.none() | st.text(max_size=60), min_size=1, max_size=60),
)
def test_any_parquet_file_reads_the_same_as_text(
    tmp_path: Path, names: list[str], nested: bool, groups: int, texts: list[str | None]
) -> None:
    path = tmp_path / "any.parquet"
    columns = {f"c{n}{name}": pa.array(texts) for n, name in enumerate(names)}
    if nested:
        columns["nested"] = pa.array([{"l": [{"m": text}], "k": 1.5} for text in texts])
    table = json_table(texts, **columns).append_column("last", pa.array(range(len(texts))))
    pq.write_table(table, path, row_group_size=groups)
    with connected() as con:
        relation = f"read_parquet({with_json_as_text(con, [str(path)])})"
        found = con.execute(f"SELECT event_props, last, columns('^c0') FROM {relation}").fetchall()
    assert found == [(text, n, text) for n, text in enumerate(texts)]


def test_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    texts: list[str | None] = [json.dumps({"n": n, "x": "y" * (n % 97)}) for n in range(60_000)]
    paths = [str(tmp_path / f"{name}.parquet") for name in "ab"]
    for path in paths:
        pq.write_table(json_table(texts, n=pa.array(range(60_000))), path, row_group_size=2_000)
    checksum = (
        "SELECT count(*), bit_xor(hash(n, event_props::VARCHAR, file_index)) FROM read_parquet"
    )
    with duckdb.connect(config={"threads": 4}) as con:
        expected = con.execute(f"{checksum}({paths})").fetchall()
        shown = with_json_as_text(con, paths)
        assert [con.cursor().execute(f"{checksum}({shown})").fetchall() for _ in range(5)] == [
            expected
        ] * 5


def line(number: int, props: str) -> str:
    """A line of an event, its properties as they are spelled."""
    row = {**dict.fromkeys(EVENT, "x"), "event_id": f"e{number}", "event_props": 0}
    row["event_time"] = (DAY + number * HOUR).isoformat()
    return json.dumps(row)[: -len("0}")] + props + "}"


def packed(path: Path, text: bytes) -> None:
    """Write a file, in two gzip members or one zstd frame as its name says."""
    half = len(text) // 2
    if path.suffix == ".gz":
        text = gzip.compress(text[:half]) + gzip.compress(text[half:])
    if path.suffix == ".zst":
        text = pa.compress(text, codec="zstd", asbytes=True)
    path.write_bytes(text)


@pytest.mark.parametrize("name", ["jsonl", "ndjson", "json", "jsonl.gz", "json.gz", "ndjson.zst"])
def test_no_line_fails_the_others(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    lines = [line(n, props) for n, props in enumerate(PROPS)]
    garbage = ["not JSON", "[1]", '"text"', "null", "{", '{"event_name', "\x00", "}{"]
    text = "\r\n \n".join([*lines, *garbage]).encode() + b'\n{"event_id": "\xff"}\n'
    packed(tmp_path / f"b.{name}", text)
    packed(tmp_path / f"a.{name}", "\n".join([line(20, "{}"), line(21, "{}")]).encode())
    opened(con, files(f"*.{name}"), tmp_path)
    found = (
        con.cursor()
        .execute("SELECT event_id, event_props FROM source_events WHERE event_time IS NOT NULL")
        .fetchall()
    )
    expected = {f"e{n}": props for n, props in enumerate(PROPS)} | {"e20": "{}", "e21": "{}"}
    expected["e5"] += "}"  # the string swallows the end of its line
    assert dict(found) == expected
    assert [event_id for event_id, _ in found[:3]] == ["e20", "e21", "e0"]
    assert unplaceable_rows(con) == len(garbage) + 1
    assert event_names(con, DAY, DAY + 99 * HOUR) == (("x", DAY),)
    assert property_names(con, ["x"]) == {"x": ("a", "é")}


@pytest.mark.parametrize("text", [b"garbage\nmore\n", b"{\n", b"\n\n", b"", b"null\n"])
def test_a_file_without_any_row_of_use_is_a_source_beside_others(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "b.jsonl").write_bytes(text)
    (tmp_path / "a.jsonl").write_text(line(0, "{}"))
    opened(con, files("*.jsonl"), tmp_path)
    assert unplaceable_rows(con) == len(text.split())


def test_a_column_that_only_refused_lines_have_is_there(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    broken = line(1, '"\\ud800"').removesuffix("}") + ', "instance_id": 3, "EVENT_ID": 1}'
    (tmp_path / "a.jsonl").write_text(f"{line(0, '{}')}\n{broken}\n")
    assert "instance_id" in opened(con, files("*.jsonl"), tmp_path).event_columns
    found = con.execute("SELECT event_id, instance_id, event_props FROM source_events").fetchall()
    assert sorted(found) == [("e0", None, "{}"), ("e1", 3, "\ufffd")]


def test_a_value_of_another_type_is_none(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    usual = '{"event_time": "2026-06-14T00:00:00+00:00", "profile_id": 7, "n": 1}\n'
    late = (
        usual.replace("2026", "soon"),
        usual.replace("7", '"anonymous"'),
        usual.replace("1}", '"?"}'),
    )
    # Behind the rows of which DuckDB takes the types of the columns.
    (tmp_path / "a.jsonl").write_text("".join([*[usual] * 20_480, *late]))
    mapped = dict.fromkeys(EVENT, "NULL") | {
        "event_name": "'x'",
        "event_time": "event_time",
        "profile_id": "profile_id",
        "instance_id": "n",
    }
    opened(con, files("a.jsonl", columns=mapped), tmp_path)
    found = con.execute(
        "SELECT profile_id, instance_id, event_time IS NULL, count(*) FROM source_events"
        " GROUP BY ALL ORDER BY 4 DESC, 1, 2"
    ).fetchall()
    assert found == [
        ("7", 1, False, 20_480),
        ("7", 1, True, 1),
        ("7", None, False, 1),
        ("anonymous", 1, False, 1),
    ]


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("many", None), ("", None)])
def test_an_instance_that_is_no_number_is_none(
    con: duckdb.DuckDBPyConnection, text: str, number: int | None
) -> None:
    opened(con, source({"instance_id": f"'{text}'"}))
    assert value(con, "instance_id") == number


def test_a_file_is_read_again_when_a_lake_is_opened_again(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for refused in (3, 1):
        (tmp_path / "a.jsonl").write_text("\n".join([line(0, "{}"), *["broken"] * refused]))
        opened(con, files("*.jsonl"), tmp_path)
        assert unplaceable_rows(con) == refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1}\n{"b":1}', True),
        ('{"a":"\\ud800"}', True),
        ('{"a":"}\n{"a":1}', True),
        ("garbage", True),
        ("", True),
        ('[{"a":1},\n{"b":1}]', False),
        ('\n {\n "a":1}', False),
    ],
)
def test_json_files_are_lines_or_a_document(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "a.json").write_text(text)
    assert is_of_lines(str(tmp_path / "a.json")) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "\\ud800x", "b": {"c": "\\ud800"}}', ["\ufffdx", '{"c": "\\ud800"}']),
        ('{"a": {"x": }, "b": "after"}', ['{"x": }', "after"]),
        ('{"a": [1, "]", {"x"], "b": 2}', ['[1, "]", {"x"], "b": 2}', None]),
        ('{"a": 1, "b": {"c": 1', ["1", '{"c": 1']),
        ('{"a": 1, "b": "c', ["1", None]),
        ('{"a": nan, "b": NaN}', [None, "NaN"]),
        ('{"a": 1, "b"', ["1", None]),
        ('{"a": 1 "b": 2}', ["1", None]),
        ('{"a": 1} {"b": 2}', ["1", None]),
        ('{"a": "\t", "b": 1,}', ["\t", "1"]),
        ('{"a"}', [None, None]),
        ("1", [None, None]),
    ],
)
def test_of_a_broken_row_remains_what_can_be_read(text: str, expected: list[str | None]) -> None:
    assert row_texts(text, '["a", "b"]') == expected


@given(text=st.text(st.sampled_from('{}[]":,\\u d8ab01\n\ud800')))
def test_no_text_is_refused(text: str) -> None:
    for found in row_texts(f'{{"a":{text}', '["a", "b"]'):
        assert found is None or found in text or "\ufffd" in found or "\\" in text
