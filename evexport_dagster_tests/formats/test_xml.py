"""XML: read back by parsers that forgive nothing, however hostile the text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import Column, EventColumns, relabelled
from evexport_dagster.formats.cells import Cell, Group
from evexport_dagster.formats.xml import XmlFormat
from evexport_dagster.text import xml_text
from evexport_dagster_tests.formats.heads import head, properties

RELAXED = settings(deadline=None, max_examples=60)
XML = XmlFormat()
FORBIDDEN = [*map(chr, (*range(9), 11, 12, *range(14, 32))), "\ufffe", "\uffff"]
HOSTILE = [
    *(
        "".join(FORBIDDEN),
        "\r\n",
        "\r",
        "\n\t",
        "\x7f\x85\u2028",
        "😀",
        "é",
        "",
        " ",
        "'",
        '"',
        "\\",
    ),
    *("]]>", "<!--", "</value>", "</Event>", "&amp;", "&#0;", "<![CDATA[", "a<b>&c", "\\u0026"),
    *("\\n", ",", ":", "{", "a", "b", "/", "~1", "$.*", "*", "\ufeff"),
]
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
MEMBERS = st.dictionaries(TEXTS, VALUES, max_size=4)
READABLE = str.maketrans(dict.fromkeys(FORBIDDEN, "\ufffd"))

Pairs = list[tuple[str, str]]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def compact(value: object, *, ascii_only: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))


def file_of(*records: str) -> bytes:
    return XML.header(["never"]) + "".join(records).encode() + XML.footer()


def pairs_of(group: ET.Element) -> Pairs:
    """The entries of a group, which holds nothing else."""
    pairs = []
    assert not (group.text or "").strip()
    for entry in group:
        key, value = entry
        assert (entry.tag, key.tag, value.tag) == ("entry", "key", "value")
        assert not [*key, *value]
        assert (entry.text, entry.tail, key.tail, value.tail) == (None, None, None, None)
        pairs.append((key.text or "", value.text or ""))
    return pairs


def groups_of(record: ET.Element) -> list[tuple[str, Pairs]]:
    name, time, *groups = record
    assert (record.tag, name.tag, time.tag) == ("Event", "eventName", "eventTime")
    return [(group.tag, pairs_of(group)) for group in groups]


def piece_read(piece: str) -> Pairs:
    group = ET.fromstring(piece.encode())
    assert group.tag == "eventProps"
    return pairs_of(group)


def readable(text: str) -> str:
    return text.translate(READABLE)


def expected(
    members: Mapping[str, Any], columns: EventColumns, *, ascii_only: bool
) -> list[tuple[str, Any]]:
    pairs = relabelled(members, columns).items()
    return [
        (readable(label), readable(it) if isinstance(it, str) else readable_json(it, ascii_only))
        for label, it in pairs
    ]


def readable_json(value: object, ascii_only: bool) -> Any:
    return json.loads(readable(compact(value, ascii_only=ascii_only)))


def values_of(piece: str, members: Mapping[str, Any], columns: EventColumns) -> list[Any]:
    """The entries of a piece, what is no text among the members read as JSON."""
    values = relabelled(members, columns).values()
    return [
        (label, text if isinstance(value, str) else json.loads(text))
        for (label, text), value in zip(piece_read(piece), values, strict=True)
    ]


def columns_of(names: Sequence[str], renames: Mapping[str, str], *, listed: bool) -> EventColumns:
    sources: dict[str, list[str]] = {}
    for name in names:
        sources.setdefault(renames.get(name, name), []).append(name)
    made = (Column(label, tuple(of)) for label, of in sources.items())
    return EventColumns(tuple(made), listed=listed)


@RELAXED
@given(st.lists(MEMBERS, min_size=1, max_size=6), st.booleans())
@example([{text: text, "x": [text], "y": {text: text}} for text in HOSTILE], False)
@example([{text: text, "x": [text], "y": {text: text}} for text in HOSTILE], True)
def test_all_properties_come_back_in_their_own_order(
    rows: list[dict[str, Any]], ascii_only: bool
) -> None:
    names = list(dict.fromkeys(sorted(name for row in rows for name in row)))
    columns = columns_of(names, {}, listed=False)
    texts = [compact(row, ascii_only=ascii_only) for row in rows]
    for row, piece in zip(rows, properties(XML, texts, columns), strict=True):
        assert values_of(piece, row, columns) == expected(row, columns, ascii_only=ascii_only)


@RELAXED
@given(
    st.lists(MEMBERS, min_size=1, max_size=4),
    st.dictionaries(TEXTS, TEXTS, max_size=3),
    st.booleans(),
    st.sets(TEXTS, max_size=2),
    st.booleans(),
)
@example([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 3}], {"a": "x", "b": "x"}, False, set(), False)
@example([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 3}], {"a": "x", "b": "x"}, True, set(), False)
@example([{"a<b>&c": 1, "&amp;": 2}], {"a<b>&c": "&amp;", "&amp;": "]]>"}, False, set(), False)
@example([{"a<b>&c": 1}], {"a<b>&c": "\r\x01'"}, False, {"&amp;"}, True)
@example([{"b": 1, "a": 2}], {"b": "a", "a": "b"}, False, set(), False)
@example([{"b": 1, "a": 2}], {}, False, {"a", "b"}, False)
def test_renamed_merged_listed_and_left_out_properties(
    rows: list[dict[str, Any]],
    renames: dict[str, str],
    listed: bool,
    left_out: set[str],
    ascii_only: bool,
) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    kept = [name for name in names if name not in left_out]
    columns = columns_of(kept, renames, listed=listed)
    texts = [compact(row, ascii_only=ascii_only) for row in rows]
    pieces = properties(XML, texts, columns)
    for row, piece in zip(rows, pieces, strict=True):
        assert values_of(piece, row, columns) == expected(row, columns, ascii_only=ascii_only)


def test_every_digit_stays() -> None:
    text = '{"b":0.1234567890123456789,"a":[1e400,null],"c":""}'
    columns = columns_of(["a", "b", "c"], {"b": "x"}, listed=False)
    pairs = [("x", "0.1234567890123456789"), ("a", "[1e400,null]"), ("c", "")]
    assert piece_read(properties(XML, [text], columns)[0]) == pairs


@RELAXED
@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=4), TEXTS)
@example([(text, text) for text in HOSTILE], "".join(HOSTILE))
def test_a_record_holds_the_cells_that_have_a_value(
    con: duckdb.DuckDBPyConnection, cells: list[tuple[str, str | None]], label: str
) -> None:
    con.register(
        "one", pa.table({f"c{n}": pa.array([it], pa.string()) for n, (_, it) in enumerate(cells)})
    )
    made = tuple(Cell(name, "never", f"c{n}") for n, (name, _) in enumerate(cells))
    pieces = [XML.group(Group(name, made)) for name in ("identity", "profile")]
    ((first, second),) = con.execute(f"SELECT {', '.join(pieces)} FROM one").fetchall()
    record = "7".join(head(XML, label)) + first + XML.separator + second + XML.end
    root = ET.fromstring(file_of(record, record))
    assert root.tag == "root"
    pairs = [(readable(name), readable(it)) for name, it in cells if it is not None]
    for event in root:
        assert [event.findtext("eventName"), event.findtext("eventTime")] == [readable(label), "7"]
        assert groups_of(event) == [("identity", pairs), ("profile", pairs)]


def test_a_group_with_nothing_in_it_is_an_empty_element(con: duckdb.DuckDBPyConnection) -> None:
    group = XML.group(Group("profile", (Cell("Email", "NULL", "NULL"),)))
    assert con.execute(f"SELECT {group}").fetchall() == [("<profile></profile>",)]
    for listed in (False, True):
        columns = columns_of(["a"] if listed else [], {}, listed=listed)
        assert properties(XML, ["{}"], columns) == ["<eventProps></eventProps>"]
    none = columns_of([], {}, listed=False)
    assert properties(XML, ['{"a":1}'], none) == ["<eventProps></eventProps>"]


@given(TEXTS)
def test_text_is_read_as_it_was_but_for_what_xml_forbids(text: str) -> None:
    assert (ET.fromstring(f"<a>{xml_text(text)}</a>".encode()).text or "") == readable(text)


@RELAXED
@given(st.lists(TEXTS, max_size=20), st.lists(st.integers(0, 3000)))
def test_records_are_counted_however_the_file_is_cut(texts: list[str], cuts: list[int]) -> None:
    records = [head(XML, text)[0] + text_of(text) + XML.end for text in texts]
    data = file_of(*records)
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    assert XML.count(data[start:end] for start, end in pairwise(places)) == len(texts)
    for size in (1, 2, 7, 8, 9):
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        assert XML.count(pieces) == len(texts)
    assert len(ET.fromstring(data)) == len(texts)


def text_of(text: str) -> str:
    return f"1{head(XML, text)[1]}<identity></identity><eventProps>{xml_text(text)}</eventProps>"


def test_a_file_without_records_is_valid() -> None:
    data = file_of()
    assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?><root>")
    assert [*ET.fromstring(data)] == []
    assert XML.count([data]) == 0
    assert XML.scrubbed(memoryview(data)) == (data, 0)


def test_a_long_file_is_read_piece_by_piece() -> None:
    rows = 100_000
    before, after = head(XML, "a")
    texts = [f'{{"n":{number}}}' for number in range(rows)]
    pieces = properties(XML, texts, columns_of(["n"], {}, listed=False))
    data = file_of(*(f"{before}1{after}{piece}{XML.end}" for piece in pieces))
    assert XML.count([data[:1000], data[1000:]]) == rows
    assert [pairs_of(group) for group in last_groups(data)] == [
        [("n", str(n))] for n in range(rows)
    ]


def last_groups(data: bytes) -> Iterator[ET.Element]:
    """The last group of each record; there are never many records in memory."""
    steps = ET.iterparse(io.BytesIO(data), events=("start", "end"))
    _, root = next(steps)
    for what, element in steps:
        if what == "end" and element.tag == "Event":
            assert len(root) < 1000
            yield element[-1]
            root.clear()
