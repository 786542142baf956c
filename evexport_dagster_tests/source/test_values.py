"""Objects of every type become JSON text without a change of value."""

from __future__ import annotations

import duckdb
import pytest

from evexport_dagster.strict_json import clean

from .relations import opened, source, value

TYPED = [
    ("STRUCT_PACK(a := 1::INTEGER)", '{"a":1}'),
    ("{'a': 59.90::DECIMAL(10,2)}", '{"a":59.90}'),
    ("{'a': 123456789012345678901234567890.12345678::DECIMAL(38,8)}", None),
    ("{'a': 170141183460469231731687303715884105727::HUGEINT}", None),
    ("{'a': 18446744073709551615::UBIGINT}", '{"a":18446744073709551615}'),
    ("{'a': 0.1::FLOAT}", '{"a":0.1}'),
    ("{'a': 0.1::DOUBLE}", '{"a":0.1}'),
    ("{'a': 1e300::DOUBLE}", '{"a":1e+300}'),
    ("{'a': 'nan'::DOUBLE, 'b': 1}", '{"b":1}'),
    ("{'a': '-inf'::FLOAT, 'b': 1}", '{"b":1}'),
    ("{'a': true, 'b': NULL::INTEGER}", '{"a":true}'),
    ("{'a': NULL::VARCHAR}", "{}"),
    ("""{'a': 'say "hi"', 'b"': chr(10)}""", '{"a":"say \\"hi\\"","b\\"":"\\n"}'),
    ("{'Model': 'x', 'm/': ['a', NULL]}", '{"Model":"x","m/":["a",null]}'),
    ("{'a': DATE '2026-06-14'}", '{"a":"2026-06-14"}'),
    ("{'a': TIME '10:00:00'}", '{"a":"10:00:00"}'),
    ("{'a': TIMESTAMP '2026-06-14 10:00:00'}", '{"a":"2026-06-14T10:00:00.000000"}'),
    ("{'a': TIMESTAMP_S '2026-06-14 10:00:00'}", '{"a":"2026-06-14T10:00:00"}'),
    ("{'a': TIMESTAMP_MS '2026-06-14 10:00:00.5'}", '{"a":"2026-06-14T10:00:00.500"}'),
    ("{'a': TIMESTAMP_NS '2026-06-14 10:00:00.5'}", '{"a":"2026-06-14T10:00:00.500000000"}'),
    (
        "{'a': TIMESTAMPTZ '2026-06-14 10:00:00.5-10'}",
        '{"a":"2026-06-14T20:00:00.500000Z"}',
    ),
    (
        "{'a': TIMESTAMPTZ_NS '2026-06-14 10:00:00.123456789-10'}",
        '{"a":"2026-06-14T20:00:00.123456789Z"}',
    ),
    *(
        (f"{{'a': '{sign}infinity'::{kind}, 'b': {{'c': ['infinity'::{kind}]}}}}", infinite)
        for kind in ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMPTZ", "TIMESTAMPTZ_NS", "DATE")
        for sign, infinite in (("", '{"b":{"c":[null]}}'), ("-", '{"b":{"c":[null]}}'))
    ),
    ("{'a': union_value(n := 1)::UNION(n INTEGER, s VARCHAR)}", '{"a":1}'),
    ("{'a': union_value(s := '1')::UNION(n INTEGER, s VARCHAR)}", '{"a":"1"}'),
    ("{'a': union_value(s := NULL)::UNION(n INTEGER, s VARCHAR), 'b': 1}", '{"b":1}'),
    (
        "{'a': [union_value(o := {'x': 0.10::DECIMAL(3,2), 'y': NULL})]}",
        '{"a":[{"x":0.10,"y":null}]}',
    ),
    ("{'a': uuid '11111111-2222-3333-4444-555555555555'}", None),
    ("{'a': {'b': {'c': [1, 2], 'd': NULL}}}", '{"a":{"b":{"c":[1,2],"d":null}}}'),
    ("{'a': [{'b': 1.50::DECIMAL(5,2)}, NULL]}", '{"a":[{"b":1.50},null]}'),
    ("{'a': [[1], [], NULL]}", '{"a":[[1],[],null]}'),
    ("{'a': MAP {'x': 0.1::FLOAT}}", '{"a":{"x":0.1}}'),
    ("""{'a': '{"b":[1.50]}'::JSON}""", '{"a":{"b":[1.50]}}'),
    ("{'a': 'ab'::BLOB}", '{"a":"YWI="}'),
    ("MAP {'b': 2, 'a': 1}", '{"b":2,"a":1}'),
    ("MAP {'a': NULL, 'b': 1}", '{"b":1}'),
    ("MAP {1: [MAP {'x': 'y'}]}", '{"1":[{"x":"y"}]}'),
    ("MAP {}", "{}"),
    ("""'{"a": 1.50}'::JSON""", '{"a":1.50}'),
    ("""'{"a": 1.50}'""", '{"a":1.50}'),
]


@pytest.mark.parametrize(("expression", "expected"), TYPED, ids=[it for it, _ in TYPED])
def test_a_typed_object_keeps_its_values(
    con: duckdb.DuckDBPyConnection, expression: str, expected: str | None
) -> None:
    opened(con, source({"event_props": expression}, {"comm_prefs": expression}))
    texts = [value(con, "event_props"), value(con, "comm_prefs", "source_profiles")]
    inner = expression.removeprefix("{'a': ").rsplit("::", 1)[0]
    inner = f'"{inner[6:42]}"' if inner.startswith("uuid") else inner
    assert [clean(text).text for text in texts] == [expected or f'{{"a":{inner}}}'] * 2


@pytest.mark.parametrize(
    ("time", "floored"),
    [
        ("2026-06-14 23:59:59.999999999", "2026-06-14 23:59:59.999999"),
        ("1969-12-31 23:59:59.999999999", "1969-12-31 23:59:59.999999"),
        ("1969-12-31 23:59:59.000001", "1969-12-31 23:59:59.000001"),
        ("1970-01-01 00:00:00", "1970-01-01 00:00:00"),
    ],
)
def test_nanoseconds_are_floored(con: duckdb.DuckDBPyConnection, time: str, floored: str) -> None:
    opened(con, source({"event_time": f"TIMESTAMPTZ_NS '{time}+00'"}))
    assert value(con, f"event_time = TIMESTAMPTZ '{floored}+00'")


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ("23::TINYINT", 23),
        ("-1", -1),
        ("'7'", 7),
        ("'seven'", None),
        ("2147483647", 2147483647),
        ("2147483648", None),
        ("18446744073709551615::UBIGINT", None),
        ("'99999999999999999999'", None),
    ],
)
def test_an_instance_beyond_all_is_none(
    con: duckdb.DuckDBPyConnection, instance: str, expected: int | None
) -> None:
    opened(con, source({"instance_id": instance}))
    assert value(con, "instance_id") == expected


@pytest.mark.parametrize("kind", ["STRUCT(a INTEGER)", "MAP(VARCHAR, INTEGER)", "JSON", "VARCHAR"])
def test_no_object_stays_none(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    opened(con, source({"event_props": f"NULL::{kind}"}))
    assert value(con, "event_props") is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("['a', 'b']", ["a", "b"]),
        ("[1, 2]", ["1", "2"]),
        ("""'["a","b"]'""", ["a", "b"]),
        ("""'["a"]'::JSON""", ["a"]),
        ("'ann'", ["ann"]),
        ("'[ann'", ["[ann"]),
        ("NULL", None),
        ("array_value('a', 'b')", ["a", "b"]),
    ],
)
def test_identities_are_a_list_however_they_are_kept(
    con: duckdb.DuckDBPyConnection, expression: str, expected: list[str] | None
) -> None:
    opened(con, source(profile={"identities": expression}))
    assert value(con, "identities", "source_profiles") == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("['a', NULL, 'b']", '["a",null,"b"]'),
        ("[{'id': 1, 'on': NULL}]", '[{"id":1,"on":null}]'),
        ("""'["a"]'""", '["a"]'),
        ("MAP {'news': true}", '{"news":true}'),
        ("NULL::VARCHAR[]", None),
    ],
)
def test_subscription_groups_may_be_a_list(
    con: duckdb.DuckDBPyConnection, expression: str, expected: str | None
) -> None:
    opened(con, source(profile={"subscription_groups": expression}))
    assert value(con, "subscription_groups", "source_profiles") == expected
