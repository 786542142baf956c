"""Text at its outlets: whatever a name contains, DuckDB and paths get it as data."""

from __future__ import annotations

import json
import re
from hashlib import sha256

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.text import (
    assign_segment,
    json_pointer,
    path_segment,
    sql_identifier,
    sql_literal,
)

RELAXED = settings(deadline=None, max_examples=60)
SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,120}")

HOSTILE = [
    "",
    "'",
    '"',
    "a\0b",
    "\0",
    "\\",
    "\\'",
    "a\nb\r",
    "''; DROP TABLE t; --",
    "\u00a0",
    "$$",
]


@pytest.fixture(scope="module")
def duck() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def one(duck: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = duck.execute(sql).fetchone()
    assert row is not None
    return row[0]


@RELAXED
@given(st.one_of(st.text(), st.sampled_from(HOSTILE)))
@example("a\0b")
@example("it's")
def test_a_literal_comes_back_as_it_was(duck: duckdb.DuckDBPyConnection, text: str) -> None:
    assert one(duck, f"SELECT {sql_literal(text)}") == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_literal_survives_being_stored_and_rendered_again(
    duck: duckdb.DuckDBPyConnection, text: str
) -> None:
    duck.execute(f"CREATE OR REPLACE VIEW stored AS SELECT {sql_literal(text)} AS x")
    assert one(duck, "SELECT x FROM stored") == text
    duck.execute(f"PREPARE kept AS SELECT {sql_literal(text)}")
    assert one(duck, "EXECUTE kept") == text
    duck.execute("DEALLOCATE kept")
    assert duck.sql(f"SELECT {sql_literal(text)} AS x").project("x").fetchall() == [(text,)]


@RELAXED
@given(st.one_of(st.text(min_size=1), st.sampled_from([name for name in HOSTILE if name])))
@example('say "hi"')
@example("a\0b")
def test_an_identifier_names_its_column(duck: duckdb.DuckDBPyConnection, name: str) -> None:
    found = duck.execute(
        f"SELECT x.{sql_identifier(name)} FROM (SELECT 7 AS {sql_identifier(name)}) x"
    )
    assert [column[0] for column in found.description] == [name]
    assert found.fetchall() == [(7,)]


def test_there_is_no_empty_identifier() -> None:
    with pytest.raises(ValueError, match="no identifier"):
        sql_identifier("")


@pytest.mark.parametrize(
    ("key", "pointer"),
    [("", "/"), ("a/b", "/a~1b"), ("m~n", "/m~0n"), ("~1", "/~01"), (" ", "/ "), ("a.b", "/a.b")],
)
def test_pointers_of_the_rfc(key: str, pointer: str) -> None:
    assert json_pointer(key) == pointer


@RELAXED
@given(
    st.lists(
        st.one_of(
            st.text(), st.sampled_from(["a/b", "a~b", "~1", "/", "*", "$.x", "[0]", "0", '"'])
        ),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
def test_a_pointer_finds_its_own_member(duck: duckdb.DuckDBPyConnection, keys: list[str]) -> None:
    document = sql_literal(json.dumps({key: index for index, key in enumerate(keys)}))
    found = [
        one(duck, f"SELECT json_extract_string({document}, {sql_literal(json_pointer(key))})")
        for key in keys
    ]
    assert found == [str(index) for index in range(len(keys))]


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("App Launched", "App-Launched"),
        ("Charged", "Charged"),
        ("A/B Experiment Rendered", "A-B-Experiment-Rendered"),
        ("a -- b", "a----b"),
        ("../../etc/passwd", "-etc-passwd"),
        ("x\0\r\ny", "x-y"),
        ("snake_case-2", "snake_case-2"),
        ("Añadido", "A-adido"),
        ("購入1", "-1"),
        ("x" * 120, "x" * 120),
    ],
)
def test_segments_that_people_read(name: str, segment: str) -> None:
    assert path_segment(name) == segment


@pytest.mark.parametrize("name", ["", ".", "..", "///", "___", "購入", "\ud800", "🎉"])
def test_a_name_without_letters_or_digits_is_a_hash(name: str) -> None:
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    assert path_segment(name) == digest[:12]


def test_segments_never_change() -> None:
    """Stored keys depend on these: a change here moves files of running exports."""
    assert path_segment("購入") == "a78fd5524058"
    assert path_segment("") == "e3b0c44298fc"
    assert path_segment("a" * 121) == "a" * 107 + "-e9615320128c"
    assert assign_segment("charged", ["Charged"]) == "charged-dd523503463f"


@RELAXED
@given(st.one_of(st.text(), st.text(min_size=100, max_size=400)))
def test_every_name_has_a_safe_segment(name: str) -> None:
    assert SEGMENT.fullmatch(path_segment(name))
    assert re.search("[A-Za-z0-9]", path_segment(name))


def test_long_names_with_one_beginning_stay_apart() -> None:
    assert path_segment("x" * 300 + "a") != path_segment("x" * 300 + "b")


def test_the_first_name_keeps_its_segment() -> None:
    assert assign_segment("App Launched", []) == "App-Launched"
    assert assign_segment("App Launched", ["App", "App-Launched-2"]) == "App-Launched"


@pytest.mark.parametrize("later", ["App Launched", "app launched", "App/Launched", "APP-LAUNCHED"])
def test_a_twin_gets_a_hash_of_its_name(later: str) -> None:
    segment = assign_segment(later, ["App-Launched"])
    assert re.fullmatch(re.escape(path_segment(later)) + "-[0-9a-f]{12}", segment)
    assert segment == assign_segment(later, ["something", "App-Launched"])


def test_a_twin_whose_hash_another_name_spells_is_still_unique() -> None:
    taken = ["A"]
    for _ in range(5):
        taken.append(assign_segment("a", [segment.upper() for segment in taken]))
    assert len(set(taken)) == 6
    assert all(SEGMENT.fullmatch(segment) for segment in taken)


def test_a_twin_of_a_full_segment_is_cut() -> None:
    segment = assign_segment("X" * 120, ["x" * 120])
    assert SEGMENT.fullmatch(segment)
    assert segment.startswith("X" * 107 + "-")


@RELAXED
@given(
    st.lists(
        st.one_of(
            st.text(max_size=6),
            st.sampled_from(
                ["a", "A", "a b", "A-b", "a/b", "b" * 300, "B" * 300, "", ".", "-a", "é a"]
            ),
        ),
        unique=True,
        max_size=12,
    )
)
def test_names_of_an_export_have_segments_of_their_own(names: list[str]) -> None:
    taken: list[str] = []
    for name in names:
        taken.append(assign_segment(name, taken))
    assert len({segment.lower() for segment in taken}) == len(names)
    assert all(SEGMENT.fullmatch(segment) for segment in taken)
