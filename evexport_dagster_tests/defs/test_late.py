"""Late events in Dagster: the catalog sensor looks for them, deliveries say how late they were."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import pytest

from evexport_dagster.definitions import definitions
from evexport_dagster.defs import sensors
from evexport_dagster.defs.metadata import materialization
from evexport_dagster.defs.resources import resources
from evexport_dagster_tests.handmade import Handmade, arrived, at, event
from evexport_dagster_tests.handmade import home as made

__all__ = ["made"]

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


@pytest.fixture
def watched(made: Handmade) -> Handmade:
    """A project with two delivered windows, whose source says when rows arrived."""
    made.now = at(2, 1)
    made.events([arrived(event("Charged", at(day, 1), n=day), at(day, 1)) for day in range(2)])
    made.run()
    return made


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
    second = tick(watched, first.cursor)
    assert second.skip_message == (
        "purchases: 1 row of 'Charged' came late for the window of 2026-06-14 00:00+00:00:"
        " it is delivered again"
    )
    assert tick(watched, second.cursor).skip_message == "No new events"
    assert [it.event for it in watched.run()] == ["Charged"]


def test_whole_windows_are_counted_now_and_then(
    watched: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "LOOKS_UNTIL_ALL", 1)
    cursor = tick(watched).cursor
    watched.events([arrived(event("Charged", at(0, 2), n="2"), at(0, 1) - DAY)], "later")
    said = []
    for _ in range(3):
        data = tick(watched, cursor)
        cursor = data.cursor
        said.append("came late" in (data.skip_message or ""))
    assert said == [False, True, False]


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
