"""What Python hands back to DuckDB: Arrow arrays, made without a detour."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.query.exact import joined, string_array
from evexport_dagster.strict_json import MALFORMED, clean

RELAXED = settings(deadline=None, max_examples=80)
TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=40)


@RELAXED
@given(TEXTS, st.data())
@example([], None)
@example([None], None)
@example([None] * 8, None)
@example([""] * 9, None)
@example(["é", None, "", "😀\0", *[None] * 13, "x"], None)
def test_an_array_holds_the_texts(texts: list[str | None], data: st.DataObject | None) -> None:
    array = string_array(texts)
    array.validate(full=True)
    assert array.type == pa.large_string()
    assert array.to_pylist() == texts
    assert array.null_count == texts.count(None)
    if data is not None:
        start = data.draw(st.integers(0, len(texts)))
        assert array.slice(start).to_pylist() == texts[start:]


@pytest.mark.parametrize("rows", [0, 1, 2048, 5000])
def test_duckdb_takes_them_batch_by_batch(con: duckdb.DuckDBPyConnection, rows: int) -> None:
    odd = 'if(i % 3 = 0, NULL, \'{"a":[1.0,"é"],"a":2,"b":null,"n":\' || i || \'}\')'
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE objects AS SELECT i, {odd} AS t FROM range({rows}) r(i)"
    )
    found = con.execute(
        """
        SELECT i, exact_object(t), exact_values(t, '["n","b","a"]'), exact_texts(t, '["a"]'),
            exact_values(t, '[]')
        FROM objects ORDER BY i
        """
    ).fetchall()
    assert found == [
        (i, {"text": "{}", "odd": None}, [None, None, None], [None], [])
        if i % 3 == 0
        else (
            i,
            {"text": f'{{"a":[1.0,"é"],"n":{i}}}', "odd": '{"duplicate_keys": 1}'},
            [str(i), None, '[1.0,"é"]'],
            ['[1.0,"é"]'],
            [],
        )
        for i in range(rows)
    ]


def test_the_other_ways_of_cleaning(con: duckdb.DuckDBPyConnection) -> None:
    text = '{"a":{"b":1},"c":[true,null]}'
    ((as_string, unless_unique),) = con.execute(
        "SELECT exact_as_string($1), exact_unless_unique($1)", [text]
    ).fetchall()
    assert as_string == {"text": '{"a":{"b":"1"},"c":["true",null]}', "odd": None}
    assert unless_unique == {"text": text, "odd": None}


@pytest.mark.parametrize(
    ("text", "other", "members", "malformed"),
    [
        ('{"a":1,}', '{"b":2}', '{"s.b":2}', 1),
        ("[1]", '{"b":2}', '{"s.b":2}', 1),
        (None, '{"b":1.50}', '{"s.b":1.50}', 0),
        (" {\t} ", '{"b":2}', '{"s.b":2}', 0),
        ('{"a":null}\n', '{"b":2}', '{"s.b":2}', 0),
        ('{"a":1}', "nothing", '{"a":1}', 0),
        ("{bad", "[]", "{}", 1),
        ('{"a":1}', '{"b":null}', '{"a":1}', 0),
        ('{"b":1}', '{"b":{"c":null},"b":3}', '{"b":1,"s.b":{"c":null}}', 0),
    ],
)
def test_members_beside_those_of_a_malformed_object_stay(
    text: str | None, other: str, members: str, malformed: int
) -> None:
    cleaned = clean(joined(text, other, "s."))
    assert (cleaned.text, cleaned.odd.get(MALFORMED, 0)) == (members, malformed)
