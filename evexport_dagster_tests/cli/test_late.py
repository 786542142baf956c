"""Late events on the command line: what `run` says of them, and what `show` keeps."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from evexport_dagster_tests.cli.conftest import run_cli
from evexport_dagster_tests.handmade import Handmade, arrived, event, home, one_time

__all__ = ["home"]


@pytest.fixture
def day(home: Handmade) -> dt.datetime:
    """The start of a delivered window of the day before yesterday, one of whose rows is late."""
    home.now = dt.datetime.now(dt.UTC)
    day = home.now.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=2)
    home.events([arrived(event("Charged", day, n="1"), day)])
    home.spec(
        events={"select": ["Charged"]},
        schedule=one_time(str(day.date()), str(day.date())),
        late_events={"policy": "report"},
    )
    home.run()
    late = event("Charged", day + dt.timedelta(hours=1), n="2")
    home.events([arrived(late, home.now)], "later")
    return day


def shown(home: Handmade) -> Any:
    return run_cli("show", "purchases", "--project", home.folder, "--json").document


def test_what_came_late_is_said_and_shown(home: Handmade, day: dt.datetime) -> None:
    at = day.isoformat(sep=" ", timespec="minutes")
    ran = run_cli("run", "purchases", "--project", home.folder)
    said = f"1 row of 'Charged' came late for the window of {at}: reported, as its spec says"
    assert said in ran.out
    (late,) = shown(home)["late"]
    assert (late["event"], late["rows"], late["reopens"]) == ("Charged", 1, False)
    assert said in run_cli("show", "purchases", "--project", home.folder).out
    again = run_cli("run", "purchases", "--from", str(day.date()), "--project", home.folder)
    assert again.code == 0
    document = shown(home)
    assert document["late"] == []
    assert [it["reason"] for it in document["receipts"]] == ["late_events"]
    assert "1 row came late" in run_cli("show", "purchases", "--project", home.folder).out
