from __future__ import annotations

from datetime import date, timedelta

import pytest

from evexport_dagster.settings import Settings
from evexport_dagster.spec.dates import check_dates
from evexport_dagster.spec.load import parse_spec
from evexport_dagster_tests.spec.conftest import SPEC

RECURRING = "{recurring: {every: 4h, start: 2026-06-14}}"
TODAY = date(2026, 6, 14)
YEAR = timedelta(days=365)


def _faults(schedule: str, settings: Settings) -> dict[str, str]:
    spec = parse_spec(SPEC.replace(RECURRING, schedule), settings).spec
    return {fault.where: fault.allowed for fault in check_dates(spec, TODAY, YEAR)}


@pytest.mark.parametrize(
    "schedule",
    [
        "{one_time: {from: 2025-06-14, to: 2026-06-13}}",
        "{one_time: {from: 2026-06-13, to: 2026-06-13}}",
        "{recurring: {every: 4h, start: 2027-01-01}}",
        "{recurring: {every: 4h, start: 2025-06-14}}",
        "{recurring: {every: 4h, start: 2026-06-14, history: {from: 2025-06-14, to: 2026-06-13}}}",
    ],
)
def test_ended_days_within_the_limit_are_right(schedule: str, settings: Settings) -> None:
    assert _faults(schedule, settings) == {}


@pytest.mark.parametrize(
    ("schedule", "where"),
    [
        ("{one_time: {from: 2025-06-13, to: 2025-06-20}}", ["schedule.one_time.from"]),
        ("{one_time: {from: 2026-06-01, to: 2026-06-14}}", ["schedule.one_time.to"]),
        (
            "{one_time: {from: 2020-01-01, to: 2030-01-01}}",
            ["schedule.one_time.from", "schedule.one_time.to"],
        ),
        ("{recurring: {every: 4h, start: 2025-06-13}}", ["schedule.recurring.start"]),
        (
            (
                "{recurring: {every: 4h, start: 2026-06-20, "
                "history: {from: 2025-06-13, to: 2026-06-19}}}"
            ),
            ["schedule.recurring.history.from", "schedule.recurring.history.to"],
        ),
    ],
)
def test_days_out_of_reach_are_faults(schedule: str, where: list[str], settings: Settings) -> None:
    assert list(_faults(schedule, settings)) == where


def test_a_fault_names_the_nearest_right_day(settings: Settings) -> None:
    faults = _faults("{one_time: {from: 2020-01-01, to: 2030-01-01}}", settings)
    assert "2025-06-14 or later" in faults["schedule.one_time.from"]
    assert "the last one was 2026-06-13" in faults["schedule.one_time.to"]
