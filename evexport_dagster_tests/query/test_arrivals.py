"""What is looked at to find late rows: little, and the right windows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.errors import ExportError
from evexport_dagster.query.arrivals import Arrivals, arrivals, windows_with_arrivals
from evexport_dagster.windows import Cadence, windows_between
from evexport_dagster_tests.handmade import Handmade, arrived, at, event, home, recurring

__all__ = ["home"]

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
NEEDED = ("event_name", "event_time", "arrived_at")


def corrupt(path: Path, needed_groups: set[int], columns: tuple[str, ...] = NEEDED) -> int:
    """Destroy all data of a Parquet file but that of some columns in some row groups."""
    destroyed = 0
    metadata, data = pq.read_metadata(path), bytearray(path.read_bytes())
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            if group in needed_groups and chunk.path_in_schema in columns:
                continue
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            data[start : start + chunk.total_compressed_size] = (
                b"\xff" * chunk.total_compressed_size
            )
            destroyed += 1
    path.write_bytes(data)
    return destroyed


@pytest.fixture
def old(home: Handmade) -> Handmade:
    """Ten delivered days, a row group each, and a spec that looks two days back."""
    home.now = at(10, 1)
    rows = [
        arrived(event("Charged", at(day, hour), n=f"{day} {hour}"), at(day, hour))
        for day in range(10)
        for hour in range(24)
    ]
    path = home.events(rows)
    pq.write_table(pq.read_table(path), path, row_group_size=24, compression="none")
    home.spec(events={"select": ["Charged"]}, schedule=recurring(), late_events={"look_back": "2d"})
    home.run()
    return home


def test_only_times_and_names_of_the_windows_in_the_look_back_are_read(old: Handmade) -> None:
    file = old.folder / "lake" / "events" / "events.parquet"
    assert corrupt(file, {8, 9}) > 60
    old.events([arrived(event("Charged", at(8, 5), n="late"), at(10))], "later")
    project = old.open()
    assert [it.window_start for it in project.look_for_late("purchases").found] == [at(8)]


def test_of_new_arrivals_only_row_groups_that_can_hold_any_are_read(old: Handmade) -> None:
    project = old.open()
    seen_to = project.unattended.look_for_late("purchases").seen_to
    assert seen_to == at(9, 23)
    old.events([arrived(event("Charged", at(9, 5), n="late"), at(10))], "later")
    file = old.folder / "lake" / "events" / "events.parquet"
    corrupt(file, {9})
    found = project.unattended.look_for_late("purchases", seen_to).found
    assert [it.window_start for it in found] == [at(9)]
    corrupt(file, set())
    with pytest.raises(ExportError):
        project.unattended.look_for_late("purchases")


_zones = st.sampled_from(["America/Havana", "Australia/Lord_Howe", "Atlantic/Azores", "UTC"])
_days = st.sampled_from([dt.date(2026, 3, 8), dt.date(2026, 4, 5), dt.date(2026, 10, 25)])


@settings(deadline=None, max_examples=60)
@given(_zones, st.sampled_from([4, 8, 12, 24]), _days, st.data())
def test_rows_are_counted_in_their_own_window(
    zone: str, cadence: Cadence, day: dt.date, data: st.DataObject
) -> None:
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    every = list(windows_between(noon - 2 * DAY, noon + 2 * DAY, cadence, ZoneInfo(zone)))
    watched = data.draw(st.lists(st.sampled_from(every), unique=True, min_size=1))
    watched.sort(key=lambda it: it.start)
    edges = [edge for it in every for edge in (it.start, it.end - dt.timedelta.resolution)]
    times = data.draw(st.lists(st.sampled_from(edges), max_size=20))
    rows = [(time, time + n * HOUR) for n, time in enumerate(times)]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        columns = {
            "event_time": pa.array([it for it, _ in rows], pa.timestamp("us", "UTC")),
            "arrived_at": pa.array([it for _, it in rows], pa.timestamp("us", "UTC")),
            "event_name": pa.array(["Charged"] * len(rows), pa.string()),
        }
        con.register("source_events", pa.table(columns))
        counted = arrivals(con, watched, None, None)
        since = noon
        newer = windows_with_arrivals(con, watched, since)
    expected = {}
    for window in watched:
        if own := [came for time, came in rows if window.start <= time < window.end]:
            expected[window.start, "Charged"] = Arrivals(len(own), max(own))
    assert counted == expected
    assert newer == [
        (window, latest.latest)
        for window in watched
        if (latest := expected.get((window.start, "Charged")))
        and latest.latest is not None
        and latest.latest > since
    ]
