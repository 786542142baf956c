"""Where the history of an export ends and its recurring windows begin: every instant is in one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evexport_dagster.exports.jobs import ExportJob, jobs_of
from evexport_dagster.settings import Settings, load_settings
from evexport_dagster.spec.load import LoadedSpec
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.windows import Cadence, day_start
from evexport_dagster_tests.handmade import Handmade

DAY = dt.timedelta(days=1)
ZONES = {
    "America/Havana": [dt.date(2026, 3, 8), dt.date(2026, 11, 1)],
    "Atlantic/Azores": [dt.date(2026, 3, 29), dt.date(2026, 10, 25)],
    "Australia/Lord_Howe": [dt.date(2026, 4, 5), dt.date(2026, 10, 4)],
    "Pacific/Apia": [dt.date(2011, 12, 29), dt.date(2011, 12, 31), dt.date(2020, 9, 27)],
    "America/Sao_Paulo": [dt.date(2018, 2, 18), dt.date(2018, 11, 4)],
    "Asia/Beirut": [dt.date(2026, 3, 29), dt.date(2026, 10, 25)],
    "Africa/Cairo": [dt.date(2026, 4, 24), dt.date(2026, 10, 30)],
    "Asia/Tehran": [dt.date(2022, 3, 22), dt.date(2022, 9, 22)],
    "America/New_York": [dt.date(2026, 3, 8), dt.date(2026, 11, 1)],
    "Africa/Casablanca": [dt.date(2026, 2, 15), dt.date(2026, 3, 22)],
    "Antarctica/Troll": [dt.date(2026, 3, 29), dt.date(2026, 10, 25)],
    "Asia/Kolkata": [dt.date(2026, 6, 14)],
}
"""Zones with awkward clock changes, and days on which they happen."""

_starts = st.one_of(
    *(
        st.tuples(st.just(zone), st.sampled_from(days), st.integers(-2, 2))
        for zone, days in ZONES.items()
    )
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Those of a project whose zone is to be set."""
    return load_settings(Handmade(tmp_path_factory.mktemp("seam") / "project").folder)


def jobs(settings: Settings, zone: str, start: dt.date, every: Cadence) -> list[ExportJob]:
    """A recurring export and its history, which ends on the day before the start."""
    spec = ExportSpec.model_validate(
        {
            "name": "purchases",
            "source": "lake",
            "destination": "local",
            "format": "csv",
            "events": {"select": ["Charged"]},
            "schedule": {
                "recurring": {
                    "every": f"{every}h",
                    "start": start,
                    "history": {"from": start - 4 * DAY, "to": start - DAY},
                }
            },
        }
    )
    account = settings.account.model_copy(update={"timezone": zone})
    loaded = LoadedSpec(spec, (), Path("purchases.yaml"))
    return list(jobs_of(loaded, replace(settings, account=account)))


@given(_starts, st.sampled_from([4, 8, 12, 24]), st.data())
def test_every_event_is_in_one_window_of_one_of_them(
    settings: Settings,
    start: tuple[str, dt.date, int],
    every: Cadence,
    data: st.DataObject,
) -> None:
    zone, day, apart = start
    first = day + apart * DAY
    recurring, history = jobs(settings, zone, first, every)
    from_, to = (day_start(first + n * DAY, ZoneInfo(zone)) for n in (-4, 4))
    now = to + 2 * DAY
    windows = [it for job in (recurring, history) for it in job.ended(now) if it.start < to]
    edges = [edge for it in windows for edge in (it.start, it.end)]
    near = st.tuples(st.sampled_from(edges), st.integers(-2, 2)).map(
        lambda it: it[0] + it[1] * dt.timedelta.resolution
    )
    times = st.one_of(
        near,
        st.integers(0, int((to - from_).total_seconds())).map(
            lambda it: from_ + it * dt.timedelta(seconds=1)
        ),
    )
    for instant in data.draw(st.lists(times, min_size=1, max_size=50)):
        holding = [it for it in windows if it.start <= instant < it.end]
        assert len(holding) == (from_ <= instant < max(edges)), (instant, holding)
