"""When an export is late; that Dagster's daemon finds it so, `test_planner.py` shows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import pytest

from evexport_dagster.definitions import definitions
from evexport_dagster_tests.handmade import Handmade, one_time, recurring
from evexport_dagster_tests.handmade import home as made

__all__ = ["made"]

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def policy(made: Handmade) -> Any:
    """The freshness policy of the asset of the export."""
    asset = definitions(made.folder).resolve_assets_def(dg.AssetKey(["exports", "purchases"]))
    (spec,) = asset.specs
    return spec.freshness_policy


@pytest.mark.parametrize(
    ("every", "settle", "deadlines", "since"),
    [
        ("4h", "5m", "5 1,5,9,13,17,21 * * *", HOUR + 5 * MINUTE),
        ("8h", "5m", "5 1,9,17 * * *", HOUR + 5 * MINUTE),
        ("12h", "90m", "30 2,14 * * *", 2 * HOUR + 30 * MINUTE),
        ("24h", "0m", "0 1 * * *", HOUR),
        ("4h", "6h", "0 3,7,11,15,19,23 * * *", 4 * HOUR),
        ("24h", "30h", "0 7 * * *", 24 * HOUR),
    ],
)
def test_a_window_is_late_an_hour_after_it_has_settled(
    made: Handmade, every: str, settle: str, deadlines: str, since: dt.timedelta
) -> None:
    made.zone = "America/Havana"
    made.configure(settle=settle)
    made.spec(schedule=recurring(every, "2026-06-14"))
    found = policy(made)
    assert (found.deadline_cron, found.timezone) == (deadlines, "America/Havana")
    assert found.lower_bound_delta == since


def test_what_is_not_due_again_is_never_late(made: Handmade) -> None:
    made.spec(schedule=one_time("2026-06-13", "2026-06-13"))
    assert policy(made) is None
    made.spec()
    made.open().create("purchases")
    assert policy(made) is not None
    made.open().stop("purchases")
    assert policy(made) is None
