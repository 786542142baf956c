"""When an export runs next: the pure rules, and the facts of a real ledger."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evexport_dagster.errors import (
    Kind,
    RevisionError,
    SourceError,
    SpecError,
    UnavailableError,
)
from evexport_dagster.exports import (
    ExportJob,
    Facts,
    LastRun,
    NextRun,
    in_turn,
    is_done,
    next_run,
)
from evexport_dagster.ledger import ExportKind, Failure
from evexport_dagster.settings import LocalDestination
from evexport_dagster.spec.model import ExportSpec, OneTime
from evexport_dagster.stores.local import LocalStore
from evexport_dagster.windows import Cadence
from evexport_dagster_tests.exports.planned import due, notices
from evexport_dagster_tests.handmade import Handmade, at, event, one_time, recurring

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
SETTLE = 5 * MINUTE
CREATED = at(0)


def job(
    kind: ExportKind = "recurring",
    cadence: Cadence = 24,
    *,
    name: str = "purchases",
    days: int | None = None,
    zone: str = "UTC",
) -> ExportJob:
    """An export that starts on the day of the first window, and has so many days."""
    first = at(0).date()
    last = None if days is None else first + (days - 1) * DAY
    spec = ExportSpec(
        name=name,
        source="lake",
        destination="local",
        format="csv",
        events={"select": ["Charged"]},  # type: ignore[arg-type]
        schedule=OneTime(**{"from": first, "to": last or first}),
    )
    return ExportJob(
        name=name,
        spec=spec,
        kind=kind,
        destination=LocalDestination(type="local", path=Path("out")),
        file=Path(f"{name}.yaml"),
        cadence=cadence,
        zone=ZoneInfo(zone),
        first_day=first,
        last_day=last,
        settle=SETTLE,
        engagement=(),
    )


def facts(of: ExportJob | None = None, *whole: dt.datetime, **known: Any) -> Facts:
    """An active export of which these windows are delivered whole."""
    made = of or job()
    values = {"state": "active", "since": made.start, "changed_at": CREATED, **known}
    return Facts(made, whole=frozenset(whole), **values)


def failure(kind: Kind, failed_at: dt.datetime, day: int = 0) -> Failure:
    """A failure of the window of a day."""
    return Failure(1, at(day), kind, "no", failed_at, failed_at, 1, "run")


def start_of(planned: NextRun | None, now: dt.datetime) -> dt.datetime | None:
    """The window that is due, by its start."""
    return planned.window.start if planned is not None and planned.is_due(now) else None


@pytest.mark.parametrize(
    ("now", "whole", "due"),
    [
        (at(0, 5), (), None),
        (at(1), (), None),
        (at(1) + SETTLE - dt.timedelta(microseconds=1), (), None),
        (at(1) + SETTLE, (), at(0)),
        (at(9), (), at(0)),
        (at(9), (at(0), at(1)), at(2)),
        (at(9), (at(0), at(2)), at(1)),
        (at(2) + SETTLE, (at(0), at(1)), None),
    ],
)
def test_windows_go_in_order_each_once_after_its_end_and_the_settle_delay(
    now: dt.datetime, whole: tuple[dt.datetime, ...], due: dt.datetime | None
) -> None:
    assert start_of(next_run(facts(None, *whole), now), now) == due


def test_what_is_not_due_yet_says_when_it_will_be() -> None:
    planned = next_run(facts(None, at(0)), at(1, 6))
    assert planned is not None
    assert (planned.window.start, planned.not_before) == (at(1), at(2) + SETTLE)


@pytest.mark.parametrize("zone", ["America/Havana", "Atlantic/Azores", "Pacific/Honolulu"])
@pytest.mark.parametrize("cadence", [4, 8, 12, 24])
def test_the_first_window_starts_at_midnight_of_the_start_date(zone: str, cadence: Cadence) -> None:
    planned = next_run(facts(job(cadence=cadence, zone=zone)), at(40))
    assert planned is not None
    start = planned.window.start.astimezone(ZoneInfo(zone))
    assert start.replace(tzinfo=None) == dt.datetime(2026, 6, 14)


@pytest.mark.parametrize(
    ("kind", "after"),
    [("access", HOUR), ("unavailable", 5 * MINUTE), ("bug", 5 * MINUTE), ("spec", None)],
)
def test_a_failed_window_is_tried_again_by_its_kind(kind: Kind, after: dt.timedelta | None) -> None:
    failed_at = at(5)
    known = facts(failures=(failure(kind, failed_at),))
    planned = next_run(known, failed_at)
    assert planned is not None
    assert planned.window.start == at(0)
    assert planned.not_before == (None if after is None else failed_at + after)
    assert not planned.is_due(failed_at)
    changed = next_run(replace(known, changed_at=failed_at + MINUTE), failed_at + MINUTE)
    assert changed is not None
    assert changed.is_due(failed_at + MINUTE)


@pytest.mark.parametrize("kind", ["access", "unavailable", "bug"])
def test_it_is_tried_without_limit(kind: Kind) -> None:
    old = replace(failure(kind, at(300)), first_at=at(1), count=90_000)
    assert start_of(next_run(facts(failures=(old,)), at(301)), at(301)) == at(0)


def test_the_newest_failure_says_who_acts_next() -> None:
    spec, network = failure("spec", at(4)), failure("unavailable", at(5))
    planned = next_run(facts(failures=(network, spec)), at(5))
    assert planned is not None
    assert planned.not_before == at(5) + 5 * MINUTE


def test_failures_of_other_windows_hold_nothing_up() -> None:
    known = facts(None, at(0), failures=(failure("spec", at(4), day=0),))
    assert start_of(next_run(known, at(5)), at(5)) == at(1)


def test_a_run_that_broke_off_without_a_word_is_repeated_after_five_minutes() -> None:
    known = facts(last_run=LastRun("run", at(0), at(5)))
    planned = next_run(known, at(5))
    assert planned is not None
    assert planned.not_before == at(5) + 5 * MINUTE
    other = replace(known, whole=frozenset([at(0)]))
    assert start_of(next_run(other, at(5)), at(5)) == at(1)


def test_the_first_time_that_it_broke_off_it_is_repeated_at_once() -> None:
    known = facts(last_run=LastRun("run", at(0), at(5), at_once=True))
    assert start_of(next_run(known, at(5)), at(5)) == at(0)
    failed = replace(known, failures=(failure("spec", at(4)),))
    assert start_of(next_run(failed, at(5)), at(5)) is None


@pytest.mark.parametrize("known", [{"state": "stopped"}, {"state": "done"}, {"in_flight": True}])
def test_nothing_runs_beside_a_run_or_after_the_end(known: dict[str, Any]) -> None:
    assert next_run(facts(**known), at(9)) is None


def test_an_export_that_is_done_delivers_only_what_came_late() -> None:
    history = facts(job("history", days=3), at(0), at(2), state="done", late=[at(2)])
    assert start_of(next_run(history, at(9)), at(9)) == at(2)
    assert next_run(replace(history, state="stopped"), at(9)) is None


def test_a_history_ends_with_its_last_window() -> None:
    history = job("history", days=2)
    assert not is_done(facts(history, at(0)), at(9))
    assert is_done(facts(history, at(0), at(1)), at(9))
    assert not is_done(facts(history, at(0), at(1)), at(2))
    assert next_run(facts(history, at(0), at(1)), at(9)) is None
    assert not is_done(facts(None, at(0), at(1)), at(9))


def test_what_a_killed_run_left_open_is_closed_when_nothing_is_missing() -> None:
    known = facts(None, at(0), unfinished=[at(0)])
    assert start_of(next_run(known, at(2) + SETTLE), at(2) + SETTLE) == at(1)
    assert start_of(next_run(known, at(1, 2)), at(1, 2)) == at(0)
    assert not is_done(facts(job("history", days=1), at(0), unfinished=[at(0)]), at(9))


def test_exports_of_an_account_take_turns_the_recurring_ones_first() -> None:
    now = at(9)
    jobs = [job("history", name="a", days=3), job(name="b"), job("one_time", name="c", days=2)]
    jobs += [job(name="d", cadence=4)]
    due = [planned for it in jobs if (planned := next_run(facts(it), now))]
    assert [it.job.name for it in in_turn(due, 0, 9)] == ["d", "b", "a", "c"]
    assert [it.job.name for it in in_turn(due, 0, 1)] == ["d"]
    assert [it.job.name for it in in_turn(due, 1, 3)] == ["d", "b"]
    assert in_turn(due, 1, 1) == ()


@given(
    st.lists(st.sampled_from(["ok", "unavailable", "access", "crash", "late"]), max_size=60),
    st.sampled_from([4, 8, 12, 24]),
    st.sampled_from(["America/Havana", "America/New_York", "UTC"]),
)
def test_whatever_happens_windows_are_delivered_in_order_and_once(
    outcomes: list[str], cadence: Cadence, zone: str
) -> None:
    now, delivered = at(0), list[dt.datetime]()
    known = facts(job(cadence=cadence, zone=zone))
    for outcome in outcomes:
        planned = next_run(known, now)
        assert planned is not None
        assert planned.not_before is not None
        now = max(now, planned.not_before) + (30 * HOUR if outcome == "late" else MINUTE)
        start = planned.window.start
        if outcome in ("ok", "late"):
            delivered.append(start)
            known = replace(known, whole=frozenset(delivered), failures=(), last_run=None)
        elif outcome == "crash":
            known = replace(known, last_run=LastRun("run", start, now))
        else:
            known = replace(known, failures=(replace(failure(outcome, now), window_start=start),))  # type: ignore[arg-type]
    expected = known.job.between(known.job.start, at(400))
    assert delivered == [it.start for it, _ in zip(expected, delivered, strict=False)]


# With a real ledger.


def test_an_export_that_is_not_created_has_no_facts(home: Handmade) -> None:
    assert home.open().unattended.facts("purchases", queued=False) is None
    assert not (home.folder / ".evexport").exists()


def test_a_created_export_catches_up_in_order_and_then_waits(home: Handmade) -> None:
    project = home.open()
    project.create("purchases")
    assert due(project) == [at(0), at(1), at(2)]
    assert due(project) == []
    assert len(home.tree()) == 6
    home.now += DAY
    assert due(project) == [at(3)]


def test_an_event_that_the_source_brings_joins_the_window_that_is_due(home: Handmade) -> None:
    home.now = at(1, 1)
    home.spec(events={"select": "all"})
    project = home.open()
    project.create("purchases")
    assert due(project) == [at(0)]
    home.events([event("Late", at(1, 3), n="late")], "later")
    home.now = at(2, 1)
    assert due(project) == [at(1)]
    assert {it.event for it in home.receipts() if it.window_start == at(1)} == {
        "App Launched",
        "Charged",
        "Late",
    }
    assert due(project) == []


def test_a_window_that_was_begun_again_is_due_again(home: Handmade) -> None:
    project = home.open()
    project.create("purchases")
    due(project)

    def fail(*_: object) -> None:
        raise UnavailableError("no network")

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(LocalStore, "put", fail)
        with pytest.raises(UnavailableError):
            project.run("purchases", from_=at(1), to=at(2), events=["Charged"])
    assert due(project) == []
    home.now += 5 * MINUTE
    assert due(project) == [at(1)]
    assert project.list()[0].last_failure is None


def test_an_edit_that_adds_an_event_opens_every_window_again(home: Handmade) -> None:
    home.spec(events={"select": ["Charged"]})
    home.open().create("purchases")
    project = home.open()
    due(project)
    home.spec()
    home.open().edit("purchases")
    assert due(project) == [at(0), at(1), at(2)]
    assert len(home.receipts()) == 6


def test_one_time_exports_become_done(home: Handmade) -> None:
    home.spec(schedule=one_time("2026-06-15", "2026-06-16"))
    project = home.open()
    project.create("purchases")
    assert due(project) == [at(1), at(2)]
    assert project.list()[0].status == "Done"
    home.now += DAY
    assert due(project) == []


def test_the_registered_revision_keeps_running_when_its_file_changes(home: Handmade) -> None:
    home.open().create("purchases")
    home.spec(format="json", events={"select": ["Viewed"]}, owners=["new@example.com"])
    project = home.open()
    with pytest.raises(RevisionError, match="format: 'csv' -> 'json'"):
        project.run("purchases")
    assert due(project) == [at(0), at(1), at(2)]
    assert {key.rsplit(".", 2)[1] for key in home.tree()} == {"csv"}
    assert project.unattended.jobs()[0].spec.owners == ("new@example.com",)
    assert {it.event for it in home.receipts()} == {"App Launched", "Charged"}


@pytest.mark.parametrize("left", ["format: [", None])
def test_it_keeps_running_when_its_file_is_wrong_or_gone(home: Handmade, left: str | None) -> None:
    home.open().create("purchases")
    file = home.folder / "exports" / "purchases.yaml"
    file.unlink() if left is None else file.write_text(left)
    project = home.open()
    assert [it.name for it in project.unattended.jobs()] == ["purchases"]
    assert due(project) == [at(0), at(1), at(2)]
    project.stop("purchases")
    assert home.open().unattended.jobs() == ()


def test_it_keeps_running_when_what_it_uses_of_the_project_changes(home: Handmade) -> None:
    home.open().create("purchases")
    home.destinations["local"] = {"type": "local", "path": "elsewhere"}
    home.configure()
    file = home.folder / "evexport.yaml"
    file.write_text(file.read_text().replace("lake/events/*", "lake/none/*"))
    project = home.open()
    with pytest.raises(RevisionError, match=r"destination\.path: 'out' -> 'elsewhere'"):
        project.run("purchases")
    assert due(project) == [at(0), at(1), at(2)]
    assert len(home.tree()) == 6
    assert not (home.folder / "elsewhere").exists()


def test_an_export_whose_destination_is_gone_fails_is_told_and_goes_on_once_it_is_back(
    home: Handmade,
) -> None:
    there = {"type": "s3", "bucket": "acme", "region": "eu-west-1"}
    home.destinations["acme"] = there
    home.configure()
    home.spec(destination="acme")
    home.open().create("purchases")
    del home.destinations["acme"]
    home.configure()
    project = home.open()
    assert [it.destination.type for it in project.unattended.jobs()] == ["s3"]
    with pytest.raises(SpecError, match="no s3 destination 'acme' any more"):
        due(project)
    home.now += DAY
    assert due(project) == []
    failed = project.list()[0].last_failure
    assert failed is not None
    assert failed.kind == "spec"
    assert [it.kind for it in notices(home)] == ["failed"]
    home.destinations["acme"] = there
    home.configure()
    known = home.open().unattended.facts("purchases", queued=False)
    assert known is not None
    assert start_of(next_run(known, home.now), home.now) == at(0)


def test_a_source_that_lost_a_column_is_looked_at_again(home: Handmade) -> None:
    project = home.open()
    project.create("purchases")
    file = home.folder / "lake" / "profiles.parquet"
    whole = file.read_bytes()
    pq.write_table(pq.read_table(file).drop_columns(["email"]), file)
    with pytest.raises(SourceError, match="email"):
        due(project)
    failed = project.list()[0].last_failure
    assert failed is not None
    assert failed.kind == "unavailable"
    file.write_bytes(whole)
    assert due(project) == []
    home.now += 5 * MINUTE
    assert due(project) == [at(0), at(1), at(2)]
    assert [it.kind for it in notices(home)] == ["failed", "recovered"]


def test_the_engagement_list_is_frozen_in_the_revision(home: Handmade) -> None:
    home.spec(events={"select": "engagement"}, schedule=recurring(start="2026-06-16"))
    before = home.open()
    before.create("purchases")
    listed = before.job("purchases").listed_events
    file = home.folder / "evexport.yaml"
    file.write_text(file.read_text()[:-1] + ', "catalog": {"engagement": ["Charged"]}}')
    project = home.open()
    assert "Charged" in (project.job("purchases").listed_events or ())
    (current,) = project.unattended.jobs()
    assert current.listed_events == listed
