"""Which rows are delivered, in which files, and what is counted on the way."""

from __future__ import annotations

from collections import Counter

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster_tests.handmade import Handmade, at, event, json_rows, recurring

DAY = recurring(start="2026-06-16")
CHARGED = {"select": ["Charged"]}


def test_rows_without_a_name_or_a_time_are_counted(home: Handmade) -> None:
    home.events([event(None, at(2, 1)), event("Charged", None), event(None, None)], "unplaceable")
    home.spec(events=CHARGED, schedule=DAY)
    (receipt,) = home.run()
    assert receipt.rows == 2
    assert receipt.oddities == {"rows_without_name_or_time_in_source": 3}


def test_a_window_is_half_open(home: Handmade) -> None:
    home.events(event("Charged", time, n="edge") for time in (at(1), at(2), at(3)))
    home.spec(events=CHARGED)
    assert [(it.first_event_time, it.rows) for it in home.run()] == [
        (None, 0),
        (at(1), 1),
        (at(2), 1),
    ]


def test_a_predicate_picks_rows(home: Handmade) -> None:
    home.spec(where="event_props->>'n' LIKE '% 23' OR event_name = 'Charged'", schedule=DAY)
    assert {it.event: it.rows for it in home.run()} == {"Charged": 2, "App Launched": 1}
    home.spec("typo", where="event_prop->>'n' = '1'")
    with pytest.raises(SpecError, match="event_prop"):
        home.open().create("typo")


def test_every_scalar_as_text(home: Handmade) -> None:
    home.events([event("Charged", at(2, 1), n=1, f=2.5, yes=True, no=None, text="x", l=[1])])
    home.spec(events=CHARGED, schedule=DAY, format="json", as_string=True, timestamp="datetime")
    (receipt,) = home.run()
    (row,) = json_rows(home.tree()[receipt.files[0].key])
    props = {"n": "1", "f": "2.5", "yes": "true", "text": "x"}
    assert {name: row["eventProps"][name] for name in props} == props
    assert "no" not in row["eventProps"]


def test_instances_and_files_of_so_many_rows(home: Handmade) -> None:
    sizes = {0: 7, 3: 6, 23: 1}
    home.events(
        event("Charged", at(2, 1), instance, n=f"{instance} {number}")
        for instance, size in sizes.items()
        for number in range(size)
    )
    home.configure(max_rows_per_file=3)
    home.spec(events=CHARGED, schedule=DAY)
    (receipt,) = home.run()
    assert [(it.instance, it.index, it.rows) for it in receipt.files] == [
        (0, 0, 3),
        (0, 1, 3),
        (0, 2, 1),
        (3, 0, 3),
        (3, 1, 3),
        (23, 0, 1),
    ]
    files = home.delivered()
    assert {it.key: it.rows for it in receipt.files} == {k: len(rows) for k, rows in files.items()}
    assert all(it.key.endswith(f"-{it.instance}-{it.index}.csv.gz") for it in receipt.files)
    assert home.values() == Counter(f"{i} {n}" for i, size in sizes.items() for n in range(size))
    assert all(
        row["n"].startswith(f"{it.instance} ") for it in receipt.files for row in files[it.key]
    )
