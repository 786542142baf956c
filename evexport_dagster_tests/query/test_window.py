"""A window's records, from hostile texts to lines, against an independent reading of the texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evexport_dagster.errors import SpecError
from evexport_dagster.formats import ValueFormat
from evexport_dagster.query.stage import check_predicate

from .hostile import cell, plain, properties, relabelled, strict, texts
from .lakes import DAY, NOON, Made, event, make, open_rows, read_csv, spec

BATCHES = settings(max_examples=2, deadline=None, phases=[Phase.reuse, Phase.generate])
SEEDS = st.integers(0, 2**63)
LISTED = ["b", "a", "ab", {"name": "é", "as": "a"}, "a/b", {"name": "[0]", "as": "\\ "}]
RENAMES = [
    {"a": "é", "b": '"'},
    {"a": "b", "b": "a"},
    {"a": "b"},
    {":": "colon", ",": "comma", "{": "brace", "[0]": "bracket", "null": "x"},
]


def make_of(batch: list[str], **values: Any) -> Made:
    """The records of these properties, in their order."""
    rows = [event(event_props=text, event_id=f"{n:06}") for n, text in enumerate(batch)]
    return make(open_rows(rows), spec(identity={"clevertap_id": False}, sort=True, **values))


def exported(made: Made, source: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row's properties the columns of its event let through, under their labels."""
    return relabelled(source, [(it.label, it.sources) for it in made.columns[0].columns])


def json_properties(line: str) -> dict[str, Any]:
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    kind, members = strict(line)["eventProps"]
    assert kind == "object"
    return dict(members)


@BATCHES
@given(seed=SEEDS)
@pytest.mark.parametrize(
    "events",
    [
        {},
        {"properties": LISTED},
        {"properties": LISTED, "schema_updates": "append", "rename_properties": {"b": "A"}},
        *({"rename_properties": renames} for renames in RENAMES),
    ],
    ids=str,
)
def test_json_records_hold_what_the_source_holds(events: dict[str, Any], seed: int) -> None:
    batch = texts(seed, 300)
    made = make_of(batch, events={"select": ["Charged"], **events})
    order = [column.label for column in made.columns[0].columns]
    assert len(made.lines[0]) == len(batch)
    for text, line in zip(batch, made.lines[0], strict=True):
        found, source = json_properties(line), properties(text)
        assert found == exported(made, source), (text, line)
        if made.columns[0].listed:
            assert list(found) == [label for label in order if label in found]
        elif all(it.sources == (it.label,) for it in made.columns[0].columns):
            assert list(found) == list(source)


@BATCHES
@given(seed=SEEDS)
@pytest.mark.parametrize("events", [{}, {"properties": LISTED}, {"rename_properties": RENAMES[2]}])
def test_csv_records_hold_what_the_source_holds(events: dict[str, Any], seed: int) -> None:
    batch = texts(seed, 300)
    made = make_of(batch, format="csv", events={"select": ["Charged"], **events})
    text = "".join(made.lines[0])
    format_ = made.window.shape.format
    assert not isinstance(format_, ValueFormat)
    text = bytes(format_.scrubbed(memoryview(text.encode()))[0]).decode()
    labels = [column.label for column in made.columns[0].columns]
    for source, (name, _, identity, *cells) in zip(
        map(properties, batch), read_csv(text), strict=True
    ):
        assert (name, identity) == ("Charged", None)
        expected = exported(made, source)
        for label, found in zip(labels, cells, strict=True):
            if label not in expected:
                assert found is None
            elif expected[label][0] == "text":
                assert found == expected[label][1].replace("\0", "\ufffd")
            else:
                assert found is not None
                assert cell(found, expected[label]) == plain(expected[label])


@BATCHES
@given(seed=SEEDS)
def test_the_survey_names_the_properties_that_have_values(seed: int) -> None:
    batch = texts(seed, 300)
    survey = make_of(batch).surveys[0]
    names: dict[str, int] = {}
    for text in batch:
        for name in sorted(properties(text)):
            names[name] = names.get(name, 0) + 1
    assert list(survey.names.items()) == list(names.items())


def test_a_rename_leaves_nested_keys_and_texts_alone() -> None:
    batch = [
        '{"a":{"a":1,"b":[{"a":2}]},"b":"a"}',
        '{"b":",\\"a\\":","a":1}',
        '{"b":"{","a":[1]}',
    ]
    made = make_of(batch, events={"select": ["Charged"], "rename_properties": {"a": "x"}})
    assert [it["eventProps"] for it in made.objects()] == [
        {"x": {"a": 1, "b": [{"a": 2}]}, "b": "a"},
        {"b": ',"a":', "x": 1},
        {"b": "{", "x": [1]},
    ]


def test_a_window_is_half_open_and_takes_the_chosen_events() -> None:
    tick = timedelta(microseconds=1)
    times = [DAY.start - tick, DAY.start, DAY.end - tick, DAY.end, None]
    lake = open_rows(
        [
            event(event_time=time, event_name=name)
            for time in times
            for name in ("Charged", "x'", None)
        ],
    )
    made = make(lake, spec(events={"select": "all"}), events=("x'", "none", "Charged"))
    assert [len(lines) for lines in made.lines] == [2, 0, 2]
    survey = made.surveys[0]
    assert (survey.first, survey.last, dict(survey.rows)) == (DAY.start, DAY.end - tick, {0: 2})
    assert (made.surveys[1].rows, made.surveys[1].first) == ({}, None)


def test_records_come_by_instance_and_sorted_on_request() -> None:
    rows = [
        event(
            event_id=str(n), instance_id=n % 3 or None, event_time=NOON - timedelta(seconds=n // 2)
        )
        for n in range(50)
    ]
    made = make(open_rows(rows), spec(sort=True))
    assert made.surveys[0].rows == {0: 17, 1: 17, 2: 16}
    assert [len(lines) for _, _, lines in made.window.records()] == [17, 17, 16]
    times = [int(it["eventTime"]) for it in made.objects()]
    assert times == sorted(times[:17]) + sorted(times[17:34]) + sorted(times[34:])


def test_the_survey_keeps_the_latest_arrival() -> None:
    arrivals = [None, NOON + timedelta(days=3), NOON]
    rows = [event(arrived_at=at, instance_id=n) for n, at in enumerate(arrivals)]
    assert make(open_rows(rows), spec()).surveys[0].watermark == arrivals[1]


def test_a_predicate_sees_the_canonical_columns() -> None:
    batch = ['{"Currency":"INR","n":1}', '{"Currency":"EUR"}', "broken", None]
    lake = open_rows([event(event_props=text) for text in batch])
    made = make(lake, spec(where="event_props->>'Currency' = 'INR' -- of course"))
    assert [it["eventProps"] for it in made.objects()] == [{"Currency": "INR", "n": 1}]
    check_predicate(lake.con, "instance_id IS NULL AND event_time > '2026-01-01'", "x")


@pytest.mark.parametrize(
    "wrong",
    [
        *("event_propz IS NULL", "1 = ", "count(*) > 1", "true) OR (x", "true) OR (true"),
        *("true; CALL x", "--", "event_time", "event_props", "'x'", "1", "true, true"),
    ],
)
def test_a_wrong_predicate_is_a_fault_of_the_spec(wrong: str) -> None:
    lake = open_rows([])
    with pytest.raises(SpecError) as caught:
        check_predicate(lake.con, wrong, "x.yaml")
    assert [fault.where for fault in caught.value.faults] == ["x.yaml: where"]
    assert "SELECT" not in str(caught.value)


def test_oddities_are_counted_per_event() -> None:
    rows = [
        event(event_props="broken"),
        event(event_props='{"a":1,"a":2}'),
        event(event_props='{"a":1,"a":2,"b":NaN}'),
        event(event_name="x", event_props='{"a":1}'),
        event(event_name="x", event_props=None),
    ]
    made = make(open_rows(rows), spec(events={"select": "all"}), events=("Charged", "x"))
    missing = {"events_without_profile": 3}
    assert made.oddities[0] == missing | {
        "malformed_objects": 1,
        "duplicate_keys": 2,
        "not_finite_numbers": 1,
    }
    assert made.oddities[1] == {"events_without_profile": 2}
