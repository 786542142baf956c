"""Columns through many runs are the same in every format; each delivery says what changed."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import duckdb
import pytest

from evexport_dagster.ledger import Receipt
from evexport_dagster_tests.handmade import Handmade, at, csv_rows, event, header, json_rows, text

FORMATS: Final = ("csv", "json", "parquet", "xml")
FIXED: Final = 4
DAYS: Final = 4


def rows_of_day(choose: random.Random, day: int, names: list[str]) -> list[dict[str, Any]]:
    """Some rows, each with some of the properties that this day has."""
    there = choose.sample(names, choose.randint(0, min(len(names), 6)))
    return [
        event(
            "Charged", at(day, 1 + n), **dict.fromkeys(choose.sample(there, len(there) - n % 2), n)
        )
        for n in range(choose.randint(1, 3) if there else 0)
    ]


def said(path: Path, format_: str) -> list[dict[str, str]]:
    """The properties of each record, as texts."""
    if format_ == "parquet":
        found = duckdb.execute(f"SELECT eventProps FROM '{path}'").fetchall()
        return [{k: str(value["member1"]) for k, value in row.items()} for (row,) in found]
    data = path.read_bytes()
    if format_ == "json":
        return [{k: str(v) for k, v in row["eventProps"].items()} for row in json_rows(data)]
    records = ElementTree.fromstring(text(data)).findall("Event/eventProps")
    return [{str(key.text): str(value.text) for key, value in record} for record in records]


def cells(home: Handmade, receipt: Receipt) -> list[dict[str, str]]:
    """The properties of each record of a CSV file, those that are there."""
    found = []
    for file in receipt.files:
        for row in csv_rows((home.out / file.key).read_bytes()):
            found.append({k: v for k, v in [*row.items()][FIXED:] if v})
    return found


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"schema_updates": "lock"},
        {"rename_properties": {"a": "b", "c": "b", "d": "e"}},
        {"properties": ["c", {"name": "a", "as": "z"}], "schema_updates": "append"},
        {"properties": ["b", "g"]},
    ],
    ids=["append", "lock", "renames that collide", "append beside a list", "lock with a list"],
)
def test_columns_are_the_same_in_every_format(home: Handmade, choice: dict[str, Any]) -> None:
    choose = random.Random(str(sorted(choice)))
    names = list("abcdefgh")
    home.events([event("Charged", at(0, 1), a=1, b=2)])
    home.now = at(0, 5)
    for format_ in FORMATS:
        home.spec(
            format_, format=format_, folder="export_id", events={"select": ["Charged"], **choice}
        )
    for day in range(DAYS):
        if day:
            home.events(rows_of_day(choose, day, names), file=f"day-{day}")
        home.now = at(day + 1, 1)
        receipts = {format_: home.run(format_)[0] for format_ in FORMATS}
        hashes = {receipt.schema_hash for receipt in receipts.values()}
        assert len(hashes) == 1
        flat = receipts["csv"]
        if not flat.rows:
            assert hashes == {None}
            continue
        with home.open() as project:
            (report,) = project.unattended.schemas([flat]).values()
        labels = [field.label for field in report.schema.fields]
        assert header((home.out / flat.files[0].key).read_bytes()) == labels
        wanted = sorted(map(str, map(sorted_items, cells(home, flat))))
        for format_ in FORMATS[1:]:
            (file,) = receipts[format_].files
            found = said(home.out / file.key, format_)
            assert {key for record in found for key in record} <= set(labels[FIXED:])
            assert sorted(map(str, map(sorted_items, found))) == wanted


def sorted_items(record: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(record.items())


def day(home: Handmade, number: int, **props: Any) -> dict[str, object] | None:
    """What changed on a day whose one row has these properties."""
    home.events([event("Charged", at(number, 1), **props)], file=f"day-{number}")
    home.now = at(number + 1, 1)
    home.run()
    with home.open() as project:
        reports = project.show("purchases").schemas
    found = reports[at(number), "Charged"].drift
    return None if found is None else found.as_json()


NOTHING: Final[dict[str, object]] = {"added": [], "vanished": [], "returned": [], "changed": {}}


@pytest.fixture
def empty(home: Handmade) -> Handmade:
    home.events([])
    home.spec(events={"select": ["Charged"]})
    return home


def test_each_delivery_says_what_changed_since_the_one_before(empty: Handmade) -> None:
    assert day(empty, 0, a=1, b="x") is None
    assert day(empty, 1, a=2, b="y") == NOTHING
    assert day(empty, 2, a=2.5, c=True) == NOTHING | {"added": ["c"], "vanished": ["b"]}
    assert day(empty, 3, a="2", b="z") == {
        "added": [],
        "vanished": ["c"],
        "returned": ["b"],
        "changed": {"a": ["number", "text"]},
    }
    empty.now += dt.timedelta(days=1)
    (nothing,) = empty.run()
    assert (nothing.rows, nothing.schema_hash) == (0, None)
    assert day(empty, 5, a="3", b="z") == NOTHING
    hashes = {it.window_start: it.schema_hash for it in empty.receipts()}
    assert hashes[at(0)] == hashes[at(1)]
    assert len({hashes[at(n)] for n in (0, 2, 3)}) == 3


def test_a_window_that_is_delivered_again_is_compared_with_the_one_before_it(
    empty: Handmade,
) -> None:
    day(empty, 0, a=1)
    day(empty, 1, b=1)
    empty.events([event("Charged", at(0, 1), a=1, c=[])], file="day-0")
    empty.run(from_=at(0), to=at(1))
    with empty.open() as project:
        reports = project.show("purchases").schemas
    assert reports[at(0), "Charged"].drift is None
    drift = reports[at(1), "Charged"].drift
    assert drift is not None
    assert drift.in_words() == "vanished a, c; returned b"


def test_256_properties_and_names_of_any_characters(empty: Handmade) -> None:
    many = {f"{n}, \"é\n'": n for n in range(256)}
    day(empty, 0, **many)
    changed = day(empty, 1, **{**many, "\\": None, "late": 1})
    assert changed == NOTHING | {"added": ["late"]}
    with empty.open() as project:
        (report,) = project.unattended.schemas(project.show("purchases").receipts[:1]).values()
    assert set(report.schema.properties) == {*many, "late"}
