"""The readers refuse what they should: a judge that lets everything pass proves nothing."""

from __future__ import annotations

import math

import pytest

from evexport_dagster_tests.contracts.reading import (
    FORMATS,
    Cell,
    Column,
    Typed,
    cells,
    read_csv,
    read_json,
    read_xml,
    same_text,
    same_typed,
    same_value,
    typed,
)
from evexport_dagster_tests.contracts.values import (
    Numeral,
    UnreadableError,
    Value,
    number,
    read_exported,
    read_source,
)


def test_cells_tell_a_blank_from_an_empty_text() -> None:
    assert cells('a,"",\n"x""y\n",,z\n') == [
        [Cell("a", False), Cell("", True), Cell("", False)],
        [Cell('x"y\n', True), Cell("", False), Cell("z", False)],
    ]


@pytest.mark.parametrize("text", ["a,b", 'a"b\n', '"a"b\n', '"a\n', "a\r\n", "a,", "a\0\n"])
def test_broken_csv_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        cells(text)


@pytest.mark.parametrize("text", ["a,a\n1,2\n", "a,b\n1\n", "b,a\n1,2\n", "a,b\n1,2,3\n"])
def test_a_header_with_doubles_and_ragged_rows_are_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        read_csv(text.encode(), [Column("a", "eventProps", "a"), Column("b", "eventProps", "b")])


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', "[NaN]", '["\\ud800"]', '{"\\udc00":1}', '{"a": 1}', '["\x01"]', "[1,]"],
)
def test_json_that_strict_parsers_refuse_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_exported(text)


@pytest.mark.parametrize(
    "line",
    [
        '{"eventTime":"1","eventName":"a","eventProps":{}}',
        '{"eventName":"a","eventTime":"1"}',
        '{"eventName":"a","eventTime":"1","eventProps":{"a":null}}',
        '{"eventName":"a","eventTime":"1","eventProps":[]}',
    ],
)
def test_json_records_of_another_shape_are_refused(line: str) -> None:
    with pytest.raises(AssertionError):
        read_json(f"{line}\n".encode(), [])


@pytest.mark.parametrize(
    "record",
    [
        "<eventTime>1</eventTime><eventName>a</eventName><eventProps/>",
        "<eventName>a</eventName><eventTime>1</eventTime>",
        "<eventName>a</eventName><eventTime>1</eventTime><eventProps><a/></eventProps>",
        "<eventName/><eventTime/><eventProps><entry><value/><key/></entry></eventProps>",
    ],
)
def test_xml_records_of_another_shape_are_refused(record: str) -> None:
    data = f"<?xml version='1.0' encoding='UTF-8'?><root><Event>{record}</Event></root>"
    with pytest.raises(AssertionError):
        read_xml(data.encode(), [])


def test_sources_are_read_as_the_contract_says() -> None:
    assert read_source('{"a":1,"\\u0061":2,"b":NaN,"c":[NaN,null]}') == {
        "a": number("1"),
        "c": [None, None],
    }
    assert read_source('["\\ud800x\\udc00\\ud83d\\ude00"]') == ["\ufffdx\ufffd😀"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("59.90", "5990e-2"), ("1e3", "1000.0"), ("-0", "0.0"), ("10e99999999999", "1e100000000000")],
)
def test_numbers_are_equal_by_value(one: str, other: str) -> None:
    assert number(one) == number(other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (number("0.1234567890123456789"), "0.12345678901234568"),
        (number("1"), "1 "),
        (True, "True"),
        ("1.0", "1.00"),
        ("null", ""),
        ({"a": None}, "{}"),
        ({"a": number("1"), "b": True}, '{"b":true,"a":1}'),
    ],
)
def test_what_differs_is_not_the_same(value: Value, text: str) -> None:
    assert not same_text(value, Cell(text, True))


def test_types_count_where_a_format_has_them() -> None:
    assert not same_value(True, number("1"))
    assert not same_value("1", number("1"))
    assert not same_value(Numeral(number("1")), number("1"))
    assert same_value(Numeral(number("1.50")), "1.5")
    assert FORMATS.keys() >= {"csv", "json", "parquet", "xml"}


@pytest.mark.parametrize(
    ("value", "type_", "read"),
    [
        (True, "int32", 1),
        (True, "text", "true"),
        ("1", "int32", 1),
        (number("1"), "int64", 1),
        (number("1"), "text", "1"),
        (number("4294967296"), "text", "4294967296"),
        (number("0.5"), "float", 0.5),
        (number("0.5"), "text", "0.5"),
        (number("0.1234567890123456789"), "double", 0.12345678901234568),
        (number("1e400"), "double", math.inf),
        (Numeral(number("1")), "int32", 1),
        ([number("1")], "list", []),
        ([number("1")], "text", "[2]"),
        ({"a": True}, "map", {}),
        ({"a": True}, "map", {"b": Typed("boolean", True)}),
    ],
    ids=str,
)
def test_a_member_that_is_not_the_values_own_is_not_the_same(
    value: Value, type_: str, read: object
) -> None:
    assert not same_typed(value, Typed(type_, read))


@pytest.mark.parametrize(
    ("value", "type_", "read"),
    [
        (True, "boolean", True),
        (number("1"), "int32", 1),
        (number("1.0"), "double", 1.0),
        (number("4294967296"), "int64", 4294967296),
        (number("59.90"), "double", 59.9),
        (number("1e400"), "text", "1e400"),
        (number("18446744073709551616"), "text", "18446744073709551616"),
        (Numeral(number("1.50")), "text", "1.5"),
        ("a\0", "text", "a\0"),
        ([number("1"), None], "list", [Typed("int32", 1)]),
        ([number("1"), None], "text", "[1,null]"),
        ({"a": True, "b": None}, "map", {"a": Typed("boolean", True)}),
    ],
    ids=str,
)
def test_the_member_of_a_value_is_the_same(value: Value, type_: str, read: object) -> None:
    assert same_typed(value, Typed(type_, read))


@pytest.mark.parametrize("union", [(None, None), (True, 1)])
def test_a_union_has_one_value(union: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        typed({f"member{n}": it for n, it in enumerate(union)}, ["boolean", "int32"])
