"""A window of many chunks is what it would be in one: rows, names, people, counts and order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import KnownNames
from evexport_dagster.query import lines, stage

from .hostile import strict, texts
from .lakes import DAY, NOON, Made, Row, Rows, event, make, open_rows, read_csv, spec

BATCHES = settings(max_examples=1, deadline=None, phases=[Phase.reuse, Phase.generate])
SEEDS = st.integers(0, 2**63)
EVENTS = ("Charged", "x'", "none")
CHUNK_ROWS = 23


def chunked(rows: int = CHUNK_ROWS) -> pytest.MonkeyPatch:
    """Chunks of so many rows, until it is undone."""
    patched = pytest.MonkeyPatch()
    patched.setattr(stage, "_CHUNK_BYTES", 1)
    patched.setattr(stage, "_BATCH_ROWS", rows)
    patched.setattr(lines, "_BATCH_ROWS", 9)
    return patched


@pytest.fixture
def small_chunks() -> Any:
    patched = chunked()
    yield
    patched.undo()


def hostile_lake(seed: int, rows: int = 120) -> Rows:
    """Events of two names, three instances, many profiles and devices, in no order of time."""
    rng = Random(seed)
    events = [
        event(
            event_id=f"{n:04}",
            event_name=rng.choice(EVENTS[:2]),
            event_time=NOON + timedelta(seconds=rng.randrange(60)),
            event_props=props,
            profile_id=rng.choice([None, *map(str, range(40))]),
            instance_id=rng.choice([None, 0, 1, 23]),
            device=rng.choice([None, "{", f'{{"make":"m{rng.randrange(9)}"}}']),
            arrived_at=NOON + timedelta(hours=rng.randrange(9)),
        )
        for n, props in enumerate(texts(seed, rows))
    ]
    profiles = [
        {
            "profile_id": str(n % 30),
            "email": f"{n}@x.y",
            "phone": rng.choice(["+14155550100", "1"]),
            "updated_at": NOON + timedelta(seconds=n),
            "properties": rng.choice(['{"a":1}', '{"a":NaN}', "broken"]),
        }
        for n in range(50)
    ]
    return open_rows(events, profiles)


EXPORTS: list[dict[str, Any]] = [
    {},
    {"rename_properties": {"a": "b", "b": "a"}},
    {"rename_properties": {"ab": "b"}},
    {"properties": ["b", "a", "ab"]},
    {"properties": ["b", "a"], "schema_updates": "append", "rename_properties": {"é": "b"}},
]


def export_of(choice: Mapping[str, Any], **values: Any) -> Any:
    return spec(
        events={"select": "all", **choice},
        identity={"identifiers": ["Email"]},
        user_properties=["a", "Phone"],
        device=["make"],
        **values,
    )


def both(lake: Rows, export: Any, known: Mapping[str, KnownNames] | None = None) -> list[Made]:
    """What the window becomes in one chunk, and in many."""
    whole = make(lake, export, events=EVENTS, known=known)
    patched = chunked()
    try:
        return [whole, make(lake, export, events=EVENTS, known=known)]
    finally:
        patched.undo()


def assert_same_facts(whole: Made, many: Made) -> None:
    assert many.surveys == whole.surveys
    assert [list(it.names) for it in many.surveys] == [list(it.names) for it in whole.surveys]
    assert many.columns == whole.columns
    assert many.oddities == whole.oddities


def parsed(lines: Sequence[str]) -> list[Any]:
    return [strict(line) for line in lines]


@BATCHES
@given(seed=SEEDS)
@pytest.mark.parametrize("choice", EXPORTS, ids=str)
@pytest.mark.parametrize("sort", [False, True], ids=["unsorted", "sorted"])
def test_json_records_of_many_chunks(choice: dict[str, Any], sort: bool, seed: int) -> None:
    whole, many = both(hostile_lake(seed), export_of(choice, sort=sort))
    assert_same_facts(whole, many)
    for number, (one, other) in enumerate(zip(whole.lines, many.lines, strict=True)):
        if number in many.window.outdated:
            continue
        assert many.window.holds(number, many.columns[number])
        if sort:
            assert parsed(other) == parsed(one)
        else:
            assert Counter(map(repr, parsed(other))) == Counter(map(repr, parsed(one)))
    assert not many.lines[2]
    assert many.window.holds(2, many.columns[2])


@BATCHES
@given(seed=SEEDS)
@pytest.mark.parametrize("choice", EXPORTS, ids=str)
@pytest.mark.parametrize("sort", [False, True], ids=["unsorted", "sorted"])
def test_csv_records_of_many_chunks(choice: dict[str, Any], sort: bool, seed: int) -> None:
    lake = hostile_lake(seed)
    export = export_of(choice, sort=sort, format="csv")
    first, second = both(lake, export)
    assert_same_facts(first, second)
    known = {
        name: KnownNames(tuple(survey.names), 0, len(survey.names))
        for name, survey in zip(EVENTS, first.surveys, strict=True)
    }
    whole, many = both(lake, export, known)
    for number, (one, other) in enumerate(zip(whole.lines, many.lines, strict=True)):
        assert many.window.holds(number, many.columns[number])
        cells = [read_csv("".join(it)) for it in (one, other)]
        if sort:
            assert cells[1] == cells[0]
        else:
            assert Counter(map(str, cells[1])) == Counter(map(str, cells[0]))
        # What a first pass made of an event whose columns did not change is as good.
        if second.window.holds(number, second.columns[number]):
            assert sorted(second.lines[number]) == sorted(other)


def charged(*batch: Mapping[str, Any] | str, **values: Any) -> list[Row]:
    """Events with these properties, one a second."""
    return [
        event(
            event_id=f"{n:04}",
            event_time=NOON + timedelta(seconds=n),
            event_props=it if isinstance(it, str) else json.dumps(it),
            **values,
        )
        for n, it in enumerate(batch)
    ]


LATE = [*({"b": 1} for _ in range(40)), {"z": 1, "a": 2, "b": 3}, *({"b": 1} for _ in range(40))]


@pytest.mark.usefixtures("small_chunks")
def test_a_property_that_shows_late_makes_csv_outdated() -> None:
    made = make(open_rows(charged(*LATE)), spec(format="csv"))
    assert list(made.surveys[0].names.items()) == [("b", 81), ("a", 1), ("z", 1)]
    assert made.window.outdated == {0}
    assert not made.window.holds(0, made.columns[0])
    # Rows behind the change are not rendered in vain.
    assert len(made.lines[0]) == 23


@pytest.mark.usefixtures("small_chunks")
def test_a_property_that_shows_late_does_not_concern_json() -> None:
    made = make(open_rows(charged(*LATE)), spec())
    assert made.window.holds(0, made.columns[0])
    assert [
        it["eventProps"] for it in sorted(made.objects(), key=lambda it: it["eventTime"])
    ] == LATE
    assert not made.window.outdated


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_a_lock_without_names_takes_those_of_all_chunks(format_: str) -> None:
    export = spec(format=format_, events={"select": ["Charged"], "schema_updates": "lock"})
    made = make(open_rows(charged(*LATE)), export)
    assert [it.label for it in made.columns[0].columns] == ["b", "a", "z"]
    assert made.window.holds(0, made.columns[0]) == (format_ == "json")


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_what_a_lock_leaves_out_of_a_later_chunk_changes_nothing(format_: str) -> None:
    known = {"Charged": KnownNames(("b",), 0, 1)}
    made = make(open_rows(charged(*LATE)), spec(format=format_), known=known)
    assert made.window.holds(0, made.columns[0])
    assert len(made.lines[0]) == len(LATE)
    assert list(made.surveys[0].names) == ["b", "a", "z"]
    assert not any("z" in line for line in made.lines[0])


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("sort", [False, True])
def test_names_come_in_the_order_of_the_source_not_of_the_chunks(sort: bool) -> None:
    rows = charged(*({f"p{n:02}": n} for n in range(60)))
    # By time, the last row of the source is the first one.
    rows = [{**row, "event_time": NOON - timedelta(seconds=n)} for n, row in enumerate(rows)]
    made = make(open_rows(rows), spec(sort=sort))
    assert list(made.surveys[0].names) == [f"p{n:02}" for n in range(60)]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    "choice",
    [
        {"rename_properties": {"a": "m", "b": "m"}},
        {"properties": ["x"], "schema_updates": "append"},
    ],
    ids=["merged", "listed"],
)
def test_an_order_of_names_that_a_later_chunk_turns_round(choice: dict[str, Any]) -> None:
    # Sorted by time, `a` is seen before `b`; in the source `b` came first.
    later = [{"b": 0}, *({} for _ in range(40)), {"a": 1, "b": 2}]
    rows = [
        {**row, "event_time": NOON - timedelta(seconds=n)} for n, row in enumerate(charged(*later))
    ]
    made = make(open_rows(rows), spec(sort=True, events={"select": ["Charged"], **choice}))
    assert made.window.outdated == {0}
    assert not made.window.holds(0, made.columns[0])


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("renames", [{}, {"a": "x"}, {"a": "b", "b": "a"}], ids=str)
def test_json_with_all_properties_is_never_outdated_by_their_order(renames: Any) -> None:
    batch = [{"b": 0}, *({} for _ in range(40)), {"a": 1, "b": 2}]
    rows = [
        {**row, "event_time": NOON - timedelta(seconds=n)} for n, row in enumerate(charged(*batch))
    ]
    events = {"select": ["Charged"], "rename_properties": renames}
    made = make(open_rows(rows), spec(sort=True, events=events))
    assert list(made.surveys[0].names) == ["b", "a"]
    assert made.window.holds(0, made.columns[0])
    assert list(made.objects()[0]["eventProps"].values()) == [1, 2]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_keys_that_come_twice_in_a_later_chunk(format_: str) -> None:
    batch = ['{"a":1.50,"b":null}'] * 30 + ['{"a":1.50,"a":2}'] * 30 + ['{"a":1.50}'] * 30
    known = {"Charged": KnownNames(("a", "b"), 0, 2)}
    made = make(open_rows(charged(*batch)), spec(format=format_), known=known)
    assert made.oddities[0] == {"duplicate_keys": 30, "events_without_profile": 90}
    assert made.surveys[0].names == {"a": 90}
    assert len(made.lines[0]) == 90
    if format_ == "json":
        assert all(it["eventProps"] == {"a": 1.5} for it in made.objects())
    else:
        cells = [row[4:] for row in read_csv("".join(made.lines[0]))]
        assert {(float(a or 0), b) for a, b in cells} == {(1.5, None)}


@pytest.mark.usefixtures("small_chunks")
def test_profiles_and_devices_of_later_chunks() -> None:
    count = 100
    rows = [
        {**row, "profile_id": f"p{n}", "device": f'{{"make":"m{n}"}}'}
        for n, row in enumerate(charged(*({"n": n} for n in range(count))))
    ]
    profiles = [{"profile_id": f"p{n}", "identities": [f"i{n}"]} for n in range(0, count, 2)]
    twice = [{**it, "updated_at": NOON, "identities": ["new"]} for it in profiles[-3:]]
    made = make(open_rows(rows, [*profiles, *twice]), spec(device=["make"]))
    for it in made.objects():
        n = it["eventProps"]["n"]
        expected = {"identity": "new" if n >= 94 else f"i{n}"} if n % 2 == 0 else {}
        assert it["identity"] == {**expected, "clevertapId": f"p{n}"}
        assert it["deviceInfo"] == {"make": f"m{n}"}
    assert len(made.lines[0]) == count
    assert made.oddities[0] == {
        "events_without_profile": count // 2,
        "duplicate_profile_rows": len(twice),
    }


@pytest.mark.usefixtures("small_chunks")
def test_sorted_records_stay_in_order_over_chunks() -> None:
    rng = Random(4)
    rows = [
        event(
            event_id=f"{rng.randrange(50):02}",
            event_time=NOON + timedelta(seconds=rng.randrange(9)),
            event_name=rng.choice(EVENTS[:2]),
            instance_id=rng.choice([2, 0, 1]),
            event_props=f'{{"n":{n}}}',
        )
        for n in range(300)
    ]
    made = make(open_rows(rows), spec(sort=True, events={"select": "all"}), events=EVENTS)
    for number, name in enumerate(EVENTS):
        chosen = [(n, row) for n, row in enumerate(rows) if row["event_name"] == name]
        chosen.sort(key=lambda it: (it[1]["instance_id"], it[1]["event_time"], it[1]["event_id"]))
        assert [it["eventProps"]["n"] for it in made.objects(number)] == [n for n, _ in chosen]
    series = [(number, instance) for number, instance, _ in made.window.records()]
    assert series == sorted(series)


@pytest.mark.usefixtures("small_chunks")
def test_the_time_zone_of_the_run_holds_for_the_stream() -> None:
    rows = charged(*({"n": n} for n in range(40)))
    export = spec(where="extract(hour FROM event_time) = 2", timestamp="datetime")
    made = make(open_rows(rows), export, zone="Pacific/Honolulu")
    assert len(made.lines[0]) == 40
    assert made.objects()[0]["eventTime"].endswith("-10:00")
    assert not make(open_rows(rows), export).lines[0]


@pytest.mark.usefixtures("small_chunks")
def test_the_lake_is_open_while_its_events_are_read() -> None:
    lake = open_rows(charged(*({"n": n} for n in range(100))), [{"profile_id": "p"}])
    export = spec()
    chosen = stage.Selection(DAY, ("Charged",), where=None, device=False, sort=False)
    counts = []
    for chunk, _ in stage.chunks(lake.con, lake.lake, chosen):
        for view in ("source_events", "source_profiles"):
            counts += lake.con.execute(f"SELECT count(*) FROM {view}").fetchall()
        assert 0 < chunk.rows.num_rows <= CHUNK_ROWS
    assert counts == [(100,), (1,)] * 5
    assert len(make(lake, export).lines[0]) == 100


@pytest.mark.usefixtures("small_chunks")
def test_a_reader_that_stops_early_leaves_the_connection_usable() -> None:
    lake = open_rows(charged(*({"n": n} for n in range(100))))
    records = make(lake, spec()).window.records()
    next(records)
    del records
    assert len(make(lake, spec()).lines[0]) == 100


@pytest.mark.parametrize("rows", [0, 1, CHUNK_ROWS, CHUNK_ROWS + 1])
def test_chunks_end_where_the_rows_end(rows: int) -> None:
    lake = open_rows(charged(*({"n": n} for n in range(rows))))
    chosen = stage.Selection(DAY, ("Charged",), where=None, device=False, sort=False)
    patched = chunked()
    try:
        found = [(it.rows.num_rows, last) for it, last in stage.chunks(lake.con, lake.lake, chosen)]
        none = stage.Selection(DAY, (), where=None, device=False, sort=False)
        assert not list(stage.chunks(lake.con, lake.lake, none))
    finally:
        patched.undo()
    assert sum(count for count, _ in found) == rows
    assert [last for _, last in found] == [False] * (len(found) - 1) + [True] * bool(found)
