"""Windows: clock changes by name, tiling by property, and Dagster's partition keys against ours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.windows import (
    KEY_FORMAT,
    Cadence,
    Window,
    day_start,
    day_windows,
    ended_windows,
    next_window,
    parse_instant,
    window_containing,
    window_from_key,
    window_key,
    windows_between,
)

CADENCES: tuple[Cadence, ...] = get_args(Cadence)
DAY = dt.timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")
HONOLULU = ZoneInfo("Pacific/Honolulu")
HAVANA = ZoneInfo("America/Havana")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
TORONTO = ZoneInfo("America/Toronto")
APIA = ZoneInfo("Pacific/Apia")


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def days(first: str, last: str, cadence: Cadence, zone: ZoneInfo) -> list[Window]:
    """The windows of an inclusive range of days."""
    end = dt.date.fromisoformat(last) + DAY
    start = dt.date.fromisoformat(first)
    return list(windows_between(day_start(start, zone), day_start(end, zone), cadence, zone))


def hours(windows: list[Window]) -> list[float]:
    return [(window.end - window.start) / dt.timedelta(hours=1) for window in windows]


# --- the window itself ---------------------------------------------------------------------------


def test_a_window_is_kept_in_utc_and_equals_the_same_interval_written_elsewhere() -> None:
    here = Window(
        dt.datetime(2026, 6, 14, tzinfo=HONOLULU), dt.datetime(2026, 6, 15, tzinfo=HONOLULU)
    )
    assert here == Window(utc("2026-06-14T10:00"), utc("2026-06-15T10:00"))
    assert here.start.tzinfo is dt.UTC
    assert here.end.tzinfo is dt.UTC


def test_the_run_time_is_the_end_of_the_window_and_its_day_in_the_zone() -> None:
    window = Window(utc("2026-06-14T22:00"), utc("2026-06-15T02:00"))
    assert window.timestamp == 1781488800
    assert window.date(ZoneInfo("UTC")) == dt.date(2026, 6, 15)
    assert window.date(HONOLULU) == dt.date(2026, 6, 14)


def test_windows_order_by_time() -> None:
    windows = days("2026-06-14", "2026-06-16", 4, NEW_YORK)
    assert sorted(set(windows)) == windows


@pytest.mark.parametrize("end", ["2026-06-14T10:00", "2026-06-14T09:59"])
def test_a_window_must_start_before_it_ends(end: str) -> None:
    with pytest.raises(ValueError, match="must start before it ends"):
        Window(utc("2026-06-14T10:00"), utc(end))


def test_two_passes_of_one_wall_time_are_an_hour_apart() -> None:
    first = dt.datetime(2025, 11, 2, 1, 30, tzinfo=NEW_YORK)
    assert hours([Window(first, first.replace(fold=1))]) == [1.0]


def test_a_time_without_a_zone_is_refused_everywhere() -> None:
    naive = dt.datetime(2026, 6, 14)
    with pytest.raises(ValueError, match="needs a time zone"):
        Window(naive, utc("2026-06-15"))
    with pytest.raises(ValueError, match="needs a time zone"):
        window_containing(naive, 4, NEW_YORK)
    with pytest.raises(ValueError, match="needs a time zone"):
        windows_between(utc("2026-06-14"), naive, 4, NEW_YORK)
    with pytest.raises(ValueError, match="needs a time zone"):
        ended_windows(naive.date(), naive, dt.timedelta(), 4, NEW_YORK)


# --- days with a clock change --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "cadence", "expected"),
    [
        ("America/New_York", "2026-03-08", 4, [3, 4, 4, 4, 4, 4]),
        ("America/New_York", "2026-11-01", 4, [5, 4, 4, 4, 4, 4]),
        ("America/New_York", "2026-03-08", 8, [7, 8, 8]),
        ("America/New_York", "2026-11-01", 12, [13, 12]),
        ("America/New_York", "2026-03-08", 24, [23]),
        ("America/New_York", "2026-06-14", 24, [24]),
        ("Australia/Lord_Howe", "2026-04-05", 4, [4.5, 4, 4, 4, 4, 4]),
        ("Australia/Lord_Howe", "2026-10-04", 4, [3.5, 4, 4, 4, 4, 4]),
        ("Australia/Lord_Howe", "2026-10-04", 24, [23.5]),
        ("America/Havana", "2026-03-08", 4, [3, 4, 4, 4, 4, 4]),
        ("America/Havana", "2026-11-01", 4, [5, 4, 4, 4, 4, 4]),
        ("America/Havana", "2026-11-01", 24, [25]),
        ("Atlantic/Azores", "2026-10-25", 4, [5, 4, 4, 4, 4, 4]),
        ("America/Sao_Paulo", "2017-10-15", 4, [3, 4, 4, 4, 4, 4]),
        ("America/Sao_Paulo", "2018-02-17", 4, [4, 4, 4, 4, 4, 5]),
        ("Africa/Cairo", "2026-04-24", 8, [7, 8, 8]),
        ("Africa/Cairo", "2026-10-29", 8, [8, 8, 9]),
        ("Asia/Beirut", "2026-03-29", 12, [11, 12]),
        ("Europe/London", "2026-10-25", 4, [5, 4, 4, 4, 4, 4]),
        # 02:00 became 05:00, so that the boundary at 04:00 lies within the gap.
        ("Antarctica/Casey", "2009-10-18", 4, [2, 3, 4, 4, 4, 4]),
        # 23:30 became midnight.
        ("Asia/Pyongyang", "2018-05-04", 4, [4, 4, 4, 4, 4, 3.5]),
        ("Asia/Pyongyang", "2018-05-05", 4, [4, 4, 4, 4, 4, 4]),
        # 23:30 became 00:30: the gap spans midnight.
        ("America/Toronto", "1919-03-30", 4, [4, 4, 4, 4, 4, 3.5]),
        ("America/Toronto", "1919-03-31", 4, [3.5, 4, 4, 4, 4, 4]),
        # 00:01 became 23:01 of the day before, whose midnight had passed already.
        ("America/St_Johns", "2006-10-28", 4, [4, 4, 4, 4, 4, 4]),
        ("America/St_Johns", "2006-10-29", 4, [5, 4, 4, 4, 4, 4]),
        ("Pacific/Apia", "2011-12-29", 4, [4, 4, 4, 4, 4, 4]),
        ("Pacific/Apia", "2011-12-30", 4, []),
        ("Pacific/Apia", "2011-12-30", 24, []),
        ("Pacific/Apia", "2011-12-31", 8, [8, 8, 8]),
    ],
)
def test_a_clock_change_lengthens_or_shortens_its_own_window(
    zone: str, day: str, cadence: Cadence, expected: list[float]
) -> None:
    assert hours(days(day, day, cadence, ZoneInfo(zone))) == expected


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Pacific/Honolulu"])
@pytest.mark.parametrize("cadence", CADENCES)
def test_zones_without_clock_changes_have_even_windows(zone: str, cadence: Cadence) -> None:
    windows = days("2025-01-01", "2026-12-31", cadence, ZoneInfo(zone))
    assert set(hours(windows)) == {cadence}
    assert len(windows) == 730 * 24 // cadence


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Pacific/Honolulu", "2026-06-14", "2026-06-14T10:00"),
        ("Asia/Kolkata", "2026-06-14", "2026-06-13T18:30"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00"),  # the first of two midnights
        ("America/Havana", "2026-03-08", "2026-03-08T05:00"),  # no midnight: 01:00
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30"),  # no midnight: 00:30
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),  # no such day
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
    ],
)
def test_a_day_starts_at_its_first_instant(zone: str, day: str, start: str) -> None:
    assert day_start(dt.date.fromisoformat(day), ZoneInfo(zone)) == utc(start)


def test_an_ambiguous_midnight_is_the_first_for_every_cadence() -> None:
    for cadence in CADENCES:
        starts = [window.start for window in days("2026-10-31", "2026-11-01", cadence, HAVANA)]
        assert utc("2026-11-01T04:00") in starts
        assert utc("2026-11-01T05:00") not in starts


def test_a_midnight_that_has_passed_is_not_undone_by_a_clock_that_is_set_back() -> None:
    """St John's went from 00:01 back to 23:01: the second 23:30 belongs to the new day."""
    st_johns = ZoneInfo("America/St_Johns")
    second_pass = utc("2006-10-29T03:00")
    assert second_pass.astimezone(st_johns).strftime("%d %H:%M") == "28 23:30"
    for cadence in CADENCES:
        window = window_containing(second_pass, cadence, st_johns)
        assert window_key(window, st_johns) == "2006-10-29-00:00"


# --- ranges --------------------------------------------------------------------------------------


def test_a_range_gives_every_window_that_it_touches_whole() -> None:
    found = list(windows_between(utc("2026-06-14T13:59"), utc("2026-06-14T18:01"), 4, HONOLULU))
    assert found == [
        Window(utc("2026-06-14T10:00"), utc("2026-06-14T14:00")),
        Window(utc("2026-06-14T14:00"), utc("2026-06-14T18:00")),
        Window(utc("2026-06-14T18:00"), utc("2026-06-14T22:00")),
    ]


def test_a_range_is_half_open() -> None:
    found = list(windows_between(utc("2026-06-14T14:00"), utc("2026-06-14T18:00"), 4, HONOLULU))
    assert found == [Window(utc("2026-06-14T14:00"), utc("2026-06-14T18:00"))]


def test_an_empty_range_touches_nothing() -> None:
    noon = utc("2026-06-14T12:00")
    assert list(windows_between(noon, noon, 4, HONOLULU)) == []


def test_a_reversed_range_is_an_error() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        windows_between(utc("2026-06-15"), utc("2026-06-14"), 4, HONOLULU)
    with pytest.raises(ValueError, match="ends before it starts"):
        day_windows(dt.date(2026, 6, 15), dt.date(2026, 6, 13), HONOLULU)


def test_day_windows_include_both_days() -> None:
    windows = list(day_windows(dt.date(2026, 3, 7), dt.date(2026, 3, 9), NEW_YORK))
    assert hours(windows) == [24, 23, 24]
    assert [window_key(window, NEW_YORK)[:10] for window in windows] == [
        "2026-03-07",
        "2026-03-08",
        "2026-03-09",
    ]


@pytest.mark.parametrize(
    ("now", "count"),
    [
        ("2026-06-01T00:00", 0),  # long before the start
        ("2026-06-14T10:00", 0),
        ("2026-06-14T14:04:59", 0),
        ("2026-06-14T14:05", 1),
        ("2026-06-14T18:04:59", 1),
        ("2026-06-15T10:05", 6),
    ],
)
def test_a_window_counts_once_it_has_ended_and_settled(now: str, count: int) -> None:
    settle = dt.timedelta(minutes=5)
    ended = list(ended_windows(dt.date(2026, 6, 14), utc(now), settle, 4, HONOLULU))
    assert ended == days("2026-06-14", "2026-06-14", 4, HONOLULU)[:count]


def test_history_and_recurring_windows_meet_without_gap_or_overlap() -> None:
    history = list(day_windows(dt.date(2026, 10, 30), dt.date(2026, 10, 31), HAVANA))
    now = utc("2026-11-03")
    recurring = next(ended_windows(dt.date(2026, 11, 1), now, dt.timedelta(), 4, HAVANA))
    assert history[-1].end == recurring.start


# --- any zone, any time --------------------------------------------------------------------------

ZONES = sorted(available_timezones())
DATES = st.dates(dt.date(2000, 1, 2), dt.date(2035, 12, 30))


@cache
def change_days(name: str) -> list[dt.date]:
    """The days on which the clock of a zone was set, 2000 to 2035 (none is set twice a week)."""
    zone = ZoneInfo(name)

    def changed(noon: dt.datetime, length: dt.timedelta) -> bool:
        return noon.astimezone(zone).utcoffset() != (noon + length).astimezone(zone).utcoffset()

    start = dt.datetime(2000, 1, 2, 12, tzinfo=dt.UTC)
    weeks = [start + 7 * DAY * week for week in range(36 * 52)]
    noons = [week + DAY * day for week in weeks if changed(week, 7 * DAY) for day in range(7)]
    return [noon.date() for noon in noons if changed(noon, DAY)]


@st.composite
def zoned_days(draw: st.DrawFn) -> tuple[ZoneInfo, dt.date]:
    """A zone and a day in it; clock changes are drawn often."""
    name = draw(st.sampled_from(ZONES))
    changes = change_days(name)
    return ZoneInfo(name), draw(st.sampled_from(changes) | DATES if changes else DATES)


@st.composite
def zoned_instants(draw: st.DrawFn) -> tuple[ZoneInfo, dt.datetime]:
    zone, day = draw(zoned_days())
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return zone, midnight + draw(st.timedeltas(-DAY, 2 * DAY))


def reference_cuts(
    start: dt.datetime, end: dt.datetime, cadence: Cadence, zone: ZoneInfo
) -> Iterator[dt.datetime]:
    """Walks minute by minute: a window starts when the clock reaches a new step of its grid."""
    highest = None
    for minute in range(int((end - start) / dt.timedelta(minutes=1))):
        instant = start + dt.timedelta(minutes=minute)
        wall = instant.astimezone(zone)
        step = (wall.date(), wall.hour // cadence)
        if highest is not None and step > highest:
            yield instant
        highest = max(step, highest or step)


@given(zoned_days(), st.sampled_from(CADENCES))
@settings(max_examples=40, deadline=None)
def test_cuts_are_where_a_minute_by_minute_walk_finds_them(
    zoned: tuple[ZoneInfo, dt.date], cadence: Cadence
) -> None:
    zone, day = zoned
    start = dt.datetime.combine(day - DAY, dt.time(12), dt.UTC)
    end = start + 3 * DAY
    walked = list(reference_cuts(start - DAY, end, cadence, zone))
    cut = [window.start for window in windows_between(start, end, cadence, zone)]
    assert [instant for instant in cut if instant > start] == [i for i in walked if i > start]


@given(zoned_instants(), st.timedeltas(dt.timedelta(), 40 * DAY), st.sampled_from(CADENCES))
@settings(max_examples=60, deadline=None)
def test_windows_tile_any_range(
    zoned: tuple[ZoneInfo, dt.datetime], length: dt.timedelta, cadence: Cadence
) -> None:
    zone, start = zoned
    end = start + length
    windows = list(windows_between(start, end, cadence, zone))
    assert bool(windows) == (start < end)
    for one, two in pairwise(windows):
        assert one.end == two.start
        assert next_window(one, cadence, zone) == two
    if windows:
        assert windows[0].start <= start < windows[0].end
        assert windows[-1].start < end <= windows[-1].end


@given(zoned_days())
@settings(max_examples=60, deadline=None)
def test_windows_tile_across_cadences(zoned: tuple[ZoneInfo, dt.date]) -> None:
    zone, day = zoned
    start, end = day_start(day - 2 * DAY, zone), day_start(day + 3 * DAY, zone)
    cuts = {
        cadence: {window.start for window in windows_between(start, end, cadence, zone)}
        for cadence in CADENCES
    }
    assert cuts[24] <= cuts[12] <= cuts[4]
    assert cuts[24] <= cuts[8] <= cuts[4]
    assert cuts[24] == {day_start(day + DAY * i, zone) for i in range(-2, 3)}


@given(zoned_instants(), st.sampled_from(CADENCES))
@settings(max_examples=80, deadline=None)
def test_the_window_of_an_instant_is_the_one_of_the_range(
    zoned: tuple[ZoneInfo, dt.datetime], cadence: Cadence
) -> None:
    zone, instant = zoned
    window = window_containing(instant, cadence, zone)
    around = windows_between(instant - 2 * DAY, instant + 2 * DAY, cadence, zone)
    assert [one for one in around if one.start <= instant < one.end] == [window]
    assert window_containing(instant.astimezone(zone), cadence, zone) == window


@given(zoned_instants(), st.sampled_from(CADENCES))
@settings(max_examples=80, deadline=None)
def test_a_key_leads_back_to_its_window_and_to_no_other(
    zoned: tuple[ZoneInfo, dt.datetime], cadence: Cadence
) -> None:
    zone, instant = zoned
    windows = list(windows_between(instant - DAY, instant + DAY, cadence, zone))
    keys = [window_key(window, zone) for window in windows]
    assert [window_from_key(key, cadence, zone) for key in keys] == windows
    assert sorted(set(keys)) == keys


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "key", "cadence", "start"),
    [
        (HONOLULU, "2026-06-14-00:00", 24, "2026-06-14T10:00"),
        (HONOLULU, "2026-06-14-20:00", 4, "2026-06-15T06:00"),
        (HAVANA, "2026-11-01-00:00", 4, "2026-11-01T04:00"),
        (SAO_PAULO, "2017-10-15-00:00", 4, "2017-10-15T03:00"),
        (SAO_PAULO, "2017-10-15-01:00", 4, "2017-10-15T03:00"),  # what the clock showed there
        (SAO_PAULO, "2017-10-15-01:00", 24, "2017-10-15T03:00"),
        (TORONTO, "1919-03-31-00:00", 4, "1919-03-31T04:30"),
        (TORONTO, "1919-03-31-00:30", 4, "1919-03-31T04:30"),
        (APIA, "2011-12-30-00:00", 4, "2011-12-30T10:00"),
        (APIA, "2011-12-30-04:00", 4, "2011-12-30T14:00"),  # Dagster's name for the next
        (APIA, "2011-12-31-04:00", 4, "2011-12-30T14:00"),
        (APIA, "2011-12-30-00:00", 24, "2011-12-30T10:00"),
        (APIA, "2011-12-31-00:00", 24, "2011-12-30T10:00"),
    ],
)
def test_every_name_of_a_window_is_understood(
    zone: ZoneInfo, key: str, cadence: Cadence, start: str
) -> None:
    assert window_from_key(key, cadence, zone).start == utc(start)


@pytest.mark.parametrize(
    ("key", "cadence"),
    [
        ("", 4),
        ("2026-06-14", 24),
        ("2026-06-14-0:00", 24),
        ("2026-6-14-00:00", 24),
        ("2026-06-14-00:00 ", 24),
        ("2026-06-14T00:00", 24),
        ("2026-06-14-00:00+02:00", 24),
        ("２０２６-06-14-00:00", 24),
        ("2026-02-30-00:00", 24),
        ("2026-06-14-24:00", 24),
        ("0000-01-01-00:00", 24),
        ("9999-12-31-00:00", 24),
        ("2026-06-14-04:00", 8),
        ("2026-06-14-01:00", 4),
        ("2026-06-14-04:01", 4),
        ("2017-10-15-00:30", 4),
        ("2017-10-15-02:00", 4),
    ],
)
def test_what_is_no_key_is_named_and_shown_what_a_key_is(key: str, cadence: Cadence) -> None:
    with pytest.raises(ValueError, match=r"2026-06-14-00:00 and has one of the times 00:00") as no:
        window_from_key(key, cadence, SAO_PAULO)
    assert repr(key) in str(no.value)


def test_a_window_that_no_cadence_has_gets_no_key() -> None:
    with pytest.raises(ValueError, match="no window starts at 2026-06-14T11:00"):
        window_key(Window(utc("2026-06-14T11:00"), utc("2026-06-14T14:00")), HONOLULU)


# --- Dagster's keys ------------------------------------------------------------------------------

CRON: dict[Cadence, str] = {4: "0 */4 * * *", 8: "0 */8 * * *", 12: "0 */12 * * *", 24: "0 0 * * *"}


def dagster_partitions(
    first: dt.date, last: dt.date, cadence: Cadence, zone: ZoneInfo
) -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule=CRON[cadence],
        timezone=zone.key,
        fmt=KEY_FORMAT,
        start=f"{first}-00:00",
        end=f"{last + DAY}-00:00",
    )


def dagster_keys(first: dt.date, last: dt.date, cadence: Cadence, zone: ZoneInfo) -> list[str]:
    partitions = dagster_partitions(first, last, cadence, zone)
    with dg.partition_loading_context(effective_dt=dt.datetime(2040, 1, 1, tzinfo=dt.UTC)):
        return list(partitions.get_partition_keys())


@pytest.mark.parametrize("cadence", CADENCES)
@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("America/New_York", 2024, 2028),
        ("Australia/Lord_Howe", 2024, 2028),
        ("America/Havana", 2024, 2028),
        ("Asia/Kolkata", 2024, 2028),
        ("Pacific/Honolulu", 2024, 2028),
        ("Atlantic/Azores", 2024, 2028),
        ("America/Sao_Paulo", 2016, 2019),
        ("Africa/Cairo", 2023, 2028),
        ("Asia/Beirut", 2024, 2028),
        ("Europe/London", 2024, 2028),
        ("Antarctica/Casey", 2009, 2010),
        ("Asia/Pyongyang", 2018, 2018),
        ("America/St_Johns", 2006, 2007),
    ],
)
def test_dagster_has_the_same_windows_under_the_same_keys(
    name: str, since: int, until: int, cadence: Cadence
) -> None:
    zone = ZoneInfo(name)
    changes = [day for day in change_days(name) if since <= day.year <= until]
    for day in changes or [dt.date(since, 12, 31)]:
        first, last = day - 2 * DAY, day + 2 * DAY
        keys = dagster_keys(first, last, cadence, zone)
        ours = days(str(first), str(last), cadence, zone)
        assert keys == [window_key(window, zone) for window in ours]
        assert [window_from_key(key, cadence, zone) for key in keys] == ours


@pytest.mark.parametrize("cadence", CADENCES)
def test_dagster_has_the_same_windows_all_the_year(cadence: Cadence) -> None:
    keys = dagster_keys(dt.date(2026, 1, 1), dt.date(2026, 12, 31), cadence, HAVANA)
    assert keys == [
        window_key(w, HAVANA) for w in days("2026-01-01", "2026-12-31", cadence, HAVANA)
    ]


@pytest.mark.parametrize("cadence", CADENCES)
def test_dagster_names_windows_after_a_skipped_day_which_we_name_after_the_real_one(
    cadence: Cadence,
) -> None:
    """Of all zones since 2000 only Apia and Fakaofo, which skipped 2011-12-30, differ like this."""
    keys = dagster_keys(dt.date(2011, 12, 28), dt.date(2012, 1, 2), cadence, APIA)
    ours = days("2011-12-28", "2012-01-02", cadence, APIA)
    decoded = [window_from_key(key, cadence, APIA) for key in keys]
    assert sorted(set(decoded)) == ours
    assert decoded == sorted(decoded)
    skipped = {key for key in keys if key.startswith("2011-12-30")}
    assert set(keys) - {window_key(window, APIA) for window in ours} == skipped
    # The daily cron also yields an empty window for the skipped day: two keys for one window.
    assert len(keys) - len(ours) == (1 if cadence == 24 else 0)


@pytest.mark.parametrize("cadence", CADENCES)
@pytest.mark.parametrize(
    ("zone", "day"), [("America/Havana", "2026-11-01"), ("Atlantic/Azores", "2026-10-25")]
)
def test_dagster_cuts_an_ambiguous_midnight_an_hour_later_unless_daily(
    zone: str, day: str, cadence: Cadence
) -> None:
    midnight = dt.date.fromisoformat(day)
    key = f"{day}-00:00"
    theirs = dagster_partitions(midnight - DAY, midnight, cadence, ZoneInfo(zone))
    ours = window_from_key(key, cadence, ZoneInfo(zone))
    later = theirs.time_window_for_partition_key(key).start.astimezone(dt.UTC) - ours.start
    assert later == dt.timedelta(hours=0 if cadence == 24 else 1)


# --- what a person types -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-06-14", HONOLULU, "2026-06-14T10:00"),
        ("2026-06-14T08:00", HONOLULU, "2026-06-14T18:00"),
        ("2026-06-14 08:00:30", HONOLULU, "2026-06-14T18:00:30"),
        ("2026-06-14T08:00:30.25", HONOLULU, "2026-06-14T18:00:30.250"),
        ("2026-06-14T08:00Z", HONOLULU, "2026-06-14T08:00"),
        ("2026-06-14T08:00:00+05:30", HONOLULU, "2026-06-14T02:30"),
        ("2026-11-01T00:30", HAVANA, "2026-11-01T04:30"),  # twice: the first
        ("2026-11-01T00:30-05:00", HAVANA, "2026-11-01T05:30"),
        ("2026-03-08T02:30", NEW_YORK, "2026-03-08T07:00"),  # never: after the gap
        ("2026-03-08T02:30:00.5", NEW_YORK, "2026-03-08T07:00"),
        ("2017-10-15", SAO_PAULO, "2017-10-15T03:00"),
    ],
)
def test_what_a_person_types_is_an_instant_in_utc(text: str, zone: ZoneInfo, instant: str) -> None:
    parsed = parse_instant(text, zone)
    assert parsed == utc(instant)
    assert parsed.tzinfo is dt.UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "14.06.2026",
        "2026-6-14",
        "2026-02-30",
        "2026-06-14T25:00",
        "2026-06-14T08",
        "2026-06-14-08:00",
        "2026-06-14+02:00",
        "2026-06-14T08:00 CEST",
        "2026-06-14T08:00+25:00",
        "2026-06-14\n",
        "1781431200",
        "9999-12-31T23:00",
        "0001-01-01T00:00+05:00",
    ],
)
def test_what_is_no_time_is_named_and_shown_what_a_time_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time: write a day such as 2026-06-14") as no:
        parse_instant(text, HONOLULU)
    assert repr(text) in str(no.value)
    assert "Pacific/Honolulu" in str(no.value)


@given(zoned_instants())
@settings(max_examples=60, deadline=None)
def test_an_iso_time_with_its_offset_reads_as_itself(zoned: tuple[ZoneInfo, dt.datetime]) -> None:
    zone, instant = zoned
    assert parse_instant(instant.astimezone(zone).isoformat(), HONOLULU) == instant
