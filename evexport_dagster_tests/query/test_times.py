"""The event time as text, against Python's own clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.query.times import time_text
from evexport_dagster.windows import Window

RELAXED = settings(deadline=None, max_examples=12)
ZONES = (
    "America/New_York Australia/Lord_Howe Asia/Kolkata Pacific/Honolulu America/Havana UTC"
    " Africa/Casablanca Pacific/Apia Europe/Dublin"
)
HOURS = st.integers(-40 * 8766, 67 * 8766)
WIDTHS = st.sampled_from([4, 24, 25, 24 * 7, 24 * 400])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rendered(
    con: duckdb.DuckDBPyConnection,
    form: Literal["epoch", "datetime"],
    instants: list[datetime],
    window: Window,
    zone: str,
) -> list[str]:
    micros = [(it - EPOCH) // timedelta(microseconds=1) for it in instants]
    con.register("instants", pa.table({"n": range(len(micros)), "us": micros}))
    sql = time_text(form, window, ZoneInfo(zone))
    times = "SELECT n, make_timestamptz(us) AS event_time FROM instants"
    rows = con.execute(f"SELECT {sql} FROM ({times}) ORDER BY n").fetchall()
    return [text for (text,) in rows]


def by_python(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).replace(microsecond=0).isoformat()


@RELAXED
@given(hour=HOURS, width=WIDTHS, parts=st.lists(st.floats(0, 1, exclude_max=True), max_size=40))
@pytest.mark.parametrize("zone", ZONES.split(" "))
def test_a_time_has_the_offset_of_its_moment(
    con: duckdb.DuckDBPyConnection, zone: str, hour: int, width: int, parts: list[float]
) -> None:
    start = EPOCH + timedelta(hours=hour)
    window = Window(start, start + timedelta(hours=width))
    length = window.end - window.start
    last = window.end - timedelta(microseconds=1)
    instants = [window.start, last, *(min(window.start + length * part, last) for part in parts)]
    texts = rendered(con, "datetime", instants, window, zone)
    assert texts == [by_python(it, zone) for it in instants]


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_a_clock_change_is_met_to_the_microsecond(
    con: duckdb.DuckDBPyConnection, zone: str, change: datetime
) -> None:
    tick = timedelta(microseconds=1)
    around = [change - timedelta(seconds=1), change - tick, change, change + tick]
    for window in (
        Window(change - timedelta(hours=5), change + timedelta(hours=3)),
        Window(change - timedelta(seconds=1), change + timedelta(seconds=1)),
    ):
        texts = rendered(con, "datetime", around, window, zone)
        assert texts == [by_python(it, zone) for it in around]
        assert texts[1][19:] != texts[2][19:]


def test_the_time_of_the_contract(con: duckdb.DuckDBPyConnection) -> None:
    instant = datetime(2026, 6, 15, 9, 36, 8, 999999, tzinfo=UTC)
    window = Window(instant.replace(hour=0, minute=0, second=0, microsecond=0), instant)
    texts = rendered(con, "datetime", [instant], window, "Pacific/Honolulu")
    assert texts == ["2026-06-14T23:36:08-10:00"]


@RELAXED
@given(st.lists(st.integers(-(10**15), 4 * 10**15), min_size=1))
def test_epoch_seconds_are_floored(con: duckdb.DuckDBPyConnection, micros: list[int]) -> None:
    micros += [0, -1, -999_999, -1_000_000, -1_000_001, 999_999]
    instants = [EPOCH + timedelta(microseconds=it) for it in micros]
    window = Window(min(instants), max(instants) + timedelta(seconds=1))
    texts = rendered(con, "epoch", instants, window, "America/New_York")
    assert texts == [str(it // 1_000_000) for it in micros]
