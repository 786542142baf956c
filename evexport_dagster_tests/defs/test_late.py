"""Late events in Dagster: the catalog sensor looks for them, deliveries say how late they were."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from evexport_dagster.definitions import definitions
from evexport_dagster.defs.metadata import materialization
from evexport_dagster.defs.resources import resources
from evexport_dagster.exports.context import Context
from evexport_dagster_tests.handmade import Handmade, arrived, at, event, three_days
from evexport_dagster_tests.handmade import home as made

__all__ = ["made"]

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
SETTLE = 5 * MINUTE


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    """A project with two delivered windows, whose source says when rows arrived."""
    made = three_days(tmp_path_factory.mktemp("late") / "project")
    made.now = at(2, 1)
    made.events([arrived(event("Charged", at(day, 1), n=day), at(day, 1)) for day in range(2)])
    made.run()
    return made


@pytest.fixture
def watched(delivered: Handmade, tmp_path: Path) -> Iterator[Handmade]:
    """A copy of it."""
    with delivered.copied(tmp_path / "project") as copy:
        yield copy


def tick(made: Handmade, cursor: str | None = None) -> dg.SensorExecutionData:
    """One evaluation of the catalog sensor."""
    sensor = definitions(made.folder).get_repository_def().get_sensor_def("catalog")
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(
            instance=instance, resources=resources(made.open()), cursor=cursor
        ) as context,
    ):
        return sensor.evaluate_tick(context)


def test_the_catalog_sensor_notices_late_events(watched: Handmade) -> None:
    first = tick(watched)
    assert first.skip_message == "No new events"
    watched.events([arrived(event("Charged", at(0, 2), n="2"), at(2))], "later")
    watched.now += SETTLE
    second = tick(watched, first.cursor)
    assert second.skip_message == (
        "purchases: 1 row of 'Charged' came late for the window of 2026-06-14 00:00+00:00:"
        " it is delivered again"
    )
    watched.now += SETTLE
    assert tick(watched, second.cursor).skip_message == "No new events"
    assert [it.event for it in watched.run()] == ["Charged"]


def test_whole_windows_are_counted_now_and_then(watched: Handmade) -> None:
    cursor = tick(watched).cursor
    watched.events([arrived(event("Charged", at(0, 2), n="2"), at(0, 1) - DAY)], "later")
    said = []
    for wait in (SETTLE, 12 * SETTLE, SETTLE):
        watched.now += wait
        data = tick(watched, cursor)
        cursor = data.cursor
        said.append("came late" in (data.skip_message or ""))
    assert said == [False, True, False]


def test_what_comes_during_an_outage_of_days_is_looked_for_when_it_is_over(
    watched: Handmade,
) -> None:
    cursor = tick(watched).cursor
    watched.events([arrived(event("Charged", at(1, 2), n="2"), at(3))], "later")
    watched.now += 3 * DAY + 2 * HOUR
    assert "came late for the window of 2026-06-15" in (tick(watched, cursor).skip_message or "")


def test_a_clock_that_was_set_back_holds_nothing_up(watched: Handmade) -> None:
    watched.now += 2 * DAY
    cursor = tick(watched).cursor
    watched.now -= DAY
    watched.events([arrived(event("Charged", at(1, 2), n="2"), at(3))], "later")
    assert "came late" in (tick(watched, cursor).skip_message or "")


def test_a_source_is_opened_once_for_all_its_exports_and_not_at_each_tick(
    watched: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.spec("one_series", folder="export_id", format="json", layout="infobip")
    watched.spec("everything", folder="run_date", format="json", events={"select": "all"})
    for name in ("one_series", "everything"):
        watched.run(name)
    opened = count_opened(monkeypatch)
    cursor = tick(watched).cursor
    assert opened == ["lake"]
    tick(watched, cursor)
    assert opened == ["lake"]
    watched.events([arrived(event("Charged", at(0, 2), n="2"), at(2))], "later")
    watched.now += SETTLE
    said = (tick(watched, cursor).skip_message or "").splitlines()
    assert opened == ["lake"] * 2
    assert sorted(line.partition(":")[0] for line in said if "came late" in line) == [
        "everything",
        "one_series",
        "purchases",
    ]
    watched.now += 30 * DAY
    for name in ("purchases", "one_series", "everything"):
        watched.open().stop(name)
    tick(watched)
    assert opened == ["lake"] * 2


def count_opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that are opened from now on."""
    opened: list[str] = []
    lake = Context.lake

    def counted(context: Context, source: str) -> AbstractContextManager[Any]:
        opened.append(source)
        return lake(context, source)

    monkeypatch.setattr(Context, "lake", counted)
    return opened


def test_a_source_without_arrived_at_is_told_of(made: Handmade) -> None:
    made.run()
    assert "has no arrived_at" in (tick(made).skip_message or "")


def test_a_repeated_delivery_says_why_and_how_late_its_rows_were(watched: Handmade) -> None:
    watched.events([arrived(event("Charged", at(0, 2), n="2"), at(1))], "later")
    (receipt,) = watched.run()
    project = watched.open()
    shown = materialization(project.job("purchases"), receipt, project.settings, "file:///out")
    assert shown.description == "2 rows in 1 file, again: events came late"
    metadata: dict[str, Any] = dict(shown.metadata)
    assert metadata["late events"].value == 1
    assert [dict(it.data) for it in metadata["lateness"].records] == [
        {"arrived": "up to 1 minute", "rows": 1},
        {"arrived": "up to 1 day", "rows": 1},
    ]
