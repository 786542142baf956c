from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.defs.partitions import (
    MOST_KEYS,
    dynamic_events,
    event_key,
    event_of_key,
    first_day_shown,
    partition_key,
    partitions_of,
    tasks_of,
)
from evexport_dagster.exports import ExportJob
from evexport_dagster.settings import LocalDestination
from evexport_dagster.spec.model import NO_EVENTS, ExportSpec, OneTime
from evexport_dagster.windows import Cadence, Window, day_start, windows_between

from .conftest import ODD_NAMES

NAMES = ("", "%", "a..b", "\0", "\n", "a\nb", "\u200b", "\u00a0", "\u202egnp", "|", "x" * 4000)
NAUGHTY = (*ODD_NAMES, *NAMES)


def job(
    events: tuple[str, ...] | None = ("Charged",),
    *,
    cadence: Cadence = 8,
    zone: str = "Pacific/Honolulu",
    first_day: dt.date = dt.date(2026, 6, 1),
    last_day: dt.date | None = None,
) -> ExportJob:
    shown = "all" if events is None else events
    spec = ExportSpec.model_construct(
        name="purchases",
        source="lake",
        destination="local",
        format="csv",
        schedule=OneTime.model_construct(from_=first_day, to=first_day),
        events=NO_EVENTS.model_copy(update={"select": shown}),
    )
    return ExportJob(
        name="purchases",
        spec=spec,
        kind="recurring" if last_day is None else "one_time",
        destination=LocalDestination(type="local", path=Path("out")),
        file=Path("purchases.yaml"),
        cadence=cadence,
        zone=ZoneInfo(zone),
        first_day=first_day,
        last_day=last_day,
        settle=dt.timedelta(minutes=5),
        engagement=(),
    )


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_event_key_is_reversible(name: str) -> None:
    assert event_of_key(event_key(name)) == name


@settings(deadline=None)
@given(st.text("%|,[]/.\\ 0aEF\u0301é\0\n", max_size=8), st.text("%|,[]/. 0aEF\u0301é", max_size=8))
def test_event_keys_are_as_different_as_the_names(one: str, other: str) -> None:
    assert (event_key(one) == event_key(other)) == (one == other)


@pytest.mark.parametrize("name", NAUGHTY, ids=ascii)
def test_event_key_holds_nothing_that_dagster_reads(name: str) -> None:
    key = event_key(name)
    assert key
    assert key == key.strip()
    assert key.isprintable()
    assert not set(key) & set("|,[]/")
    assert "..." not in key


@pytest.mark.parametrize("name", ["App Launched", "Café", "日本語", "a-b_c (d): $5!", "v1.2"])
def test_ordinary_names_are_their_own_key(name: str) -> None:
    assert event_key(name) == name


@pytest.mark.parametrize("key", ["", "%41", "%7c", "a|b", "%FF", "%%", "Cafe\u0301"])
def test_other_texts_are_no_keys(key: str) -> None:
    with pytest.raises(ValueError, match="not the key of an event"):
        event_of_key(key)


def test_dagster_takes_odd_names_as_static_partitions() -> None:
    one = job(NAUGHTY, cadence=24, last_day=dt.date(2026, 6, 2))
    keys = partitions_of(one, 0, dt.date(2026, 7, 1)).get_partition_keys()
    assert len(keys) == len(NAUGHTY) * 2
    assert {event for task in tasks_of(one, keys, again=True) for event in task.events} == {
        *NAUGHTY
    }


def test_dagster_takes_odd_names_as_dynamic_partitions(instance: dg.DagsterInstance) -> None:
    one = job(None, cadence=24, last_day=dt.date(2026, 6, 2))
    dynamic = dynamic_events(one)
    assert dynamic is not None
    assert dynamic.name is not None
    instance.add_dynamic_partitions(dynamic.name, [event_key(name) for name in NAUGHTY])
    partitions = partitions_of(one, len(NAUGHTY), dt.date(2026, 7, 1))
    keys = partitions.get_partition_keys(dynamic_partitions_store=instance)
    assert len(keys) == len(NAUGHTY) * 2
    first, *_ = tasks_of(one, keys, again=True)
    assert first.events == NAUGHTY


def test_keys_become_tasks_in_time_order() -> None:
    one = job(("B", "A"))
    keys = ["B|2026-06-02-08:00", "A|2026-06-01-16:00", "A|2026-06-02-08:00"]
    tasks = tasks_of(one, keys, again=False)
    assert [(task.window.start.isoformat(), task.events) for task in tasks] == [
        ("2026-06-02T02:00:00+00:00", ("A",)),
        ("2026-06-02T18:00:00+00:00", ("B", "A")),
    ]
    assert {(task.export, task.again) for task in tasks} == {("purchases", False)}


@pytest.mark.parametrize(
    "key", ["A", "A|", "A|2026-06-02", "A|2026-06-02-07:00", "|2026-06-02-08:00"]
)
def test_what_is_not_a_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not the key"):
        tasks_of(job(("A",)), [key], again=True)


@pytest.mark.parametrize(
    "zone",
    [
        "America/Havana",
        "Atlantic/Azores",
        "America/Santiago",
        "Africa/Cairo",
        "Asia/Beirut",
        "Australia/Lord_Howe",
        "America/New_York",
        "Asia/Kolkata",
        "Pacific/Apia",
    ],
)
@pytest.mark.parametrize("cadence", [4, 24])
def test_dagster_has_a_key_for_every_window(zone: str, cadence: Cadence) -> None:
    one = job(("A",), cadence=cadence, zone=zone, first_day=dt.date(2025, 11, 1))
    today = dt.date(2026, 11, 20)
    until = day_start(today, one.zone)
    partitions = partitions_of(one, 1, today)
    with dg.partition_loading_context(effective_dt=until):
        keys = partitions.get_partition_keys()
    ours = list(windows_between(one.start, until, cadence, one.zone))
    theirs = [task.window for task in tasks_of(one, keys, again=True)]
    assert theirs[: len(ours)] == ours
    assert set(keys) >= {partition_key(one, window, "A") for window in ours}


@pytest.mark.parametrize("zone", ["America/Havana", "Atlantic/Azores", "America/Santiago"])
def test_a_window_that_has_ended_has_a_key_at_once(zone: str) -> None:
    one = job(("A",), cadence=24, zone=zone, first_day=dt.date(2026, 1, 1))
    partitions = partitions_of(one, 1, dt.date(2026, 11, 20))
    windows = windows_between(one.start, day_start(dt.date(2026, 11, 20), one.zone), 24, one.zone)
    for window in windows:
        with dg.partition_loading_context(effective_dt=window.end):
            assert partitions.has_partition_key(partition_key(one, window, "A"))


def test_one_time_exports_have_their_days() -> None:
    one = job(
        ("A", "B"),
        cadence=24,
        zone="America/Havana",
        first_day=dt.date(2026, 10, 30),
        last_day=dt.date(2026, 11, 2),
    )
    keys = partitions_of(one, 0, dt.date(2030, 1, 1)).get_partition_keys()
    assert [key for key in keys if key.startswith("A|")] == [
        "A|2026-10-30-00:00",
        "A|2026-10-31-00:00",
        "A|2026-11-01-00:00",
        "A|2026-11-02-00:00",
    ]
    assert len(keys) == 8


@settings(deadline=None)
@given(
    st.integers(1, 600),
    st.sampled_from([4, 8, 12, 24]),
    st.dates(dt.date(2022, 1, 1), dt.date(2029, 12, 31)),
    st.booleans(),
)
def test_the_horizon(events: int, cadence: Cadence, today: dt.date, listed: bool) -> None:
    first_day = dt.date(2020, 5, 17)
    names = tuple(map(str, range(events))) if listed else None
    shown = first_day_shown(job(names, cadence=cadence, first_day=first_day), events, today)
    days = (today - shown).days + 1
    last_monday = today - dt.timedelta(days=today.weekday() + 7)
    assert shown <= last_monday
    assert days * 24 // cadence * events <= MOST_KEYS or shown == last_monday
    is_monday = shown.weekday() == 0 and days <= 62
    assert shown == first_day or shown.day == 1 or is_monday


def test_the_horizon_moves_seldom() -> None:
    one, today = job(None, first_day=dt.date(2020, 1, 1), cadence=4), dt.date(2026, 6, 20)
    starts = {first_day_shown(one, events, today) for events in range(65, 129)}
    assert len(starts) == 1
    assert first_day_shown(one, 64, today) < starts.pop()


def test_an_export_that_starts_later_has_no_partitions_yet() -> None:
    one = job(("A",), first_day=dt.date(2040, 1, 1))
    assert partitions_of(one, 1, dt.date(2026, 6, 20)).get_partition_keys() == []


def test_partition_key_names_the_window() -> None:
    one = job(("a|b",))
    window = Window(
        dt.datetime(2026, 6, 2, 2, tzinfo=dt.UTC), dt.datetime(2026, 6, 2, 10, tzinfo=dt.UTC)
    )
    assert partition_key(one, window, "a|b") == "a%7Cb|2026-06-01-16:00"
