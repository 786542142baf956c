"""Failures of exports that run by themselves: recorded, told, and the end of an export."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from evexport_dagster.errors import AccessError, ExportError, StoppedError, UnavailableError
from evexport_dagster.exports import Project, next_run
from evexport_dagster.ledger.troubles import Troubles
from evexport_dagster.settings import Destination
from evexport_dagster.stores import Store, open_store
from evexport_dagster.stores.local import LocalStore
from evexport_dagster_tests.exports.planned import due, notices
from evexport_dagster_tests.handmade import NOW, Handmade, at, one_time

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> list[ExportError]:
    """What the destination says, while there is anything in the list."""
    answers: list[ExportError] = []
    opened = open_store

    def answer(name: str, destination: Destination) -> Store:
        # Refused when it is opened: hundreds of checks need not read the source.
        if answers:
            raise answers[0]
        return opened(name, destination)

    monkeypatch.setattr("evexport_dagster.exports.context.open_store", answer)
    return answers


def days_of_checks(home: Handmade, project: Project, until: dt.datetime) -> int:
    """Let the planner try until then; gives how often it did."""
    tries = 0
    while home.now < until:
        known = project.unattended.facts("purchases", queued=False)
        assert known is not None
        planned = next_run(known, home.now)
        if planned is None or planned.not_before is None or planned.not_before > until:
            return tries
        home.now = max(home.now, planned.not_before)
        try:
            for task in project.unattended.rest_of("purchases", planned.window, "run"):
                project.deliver(task, run_id="run")
        except ExportError:
            tries += 1
    return tries


def test_a_lost_credential_is_checked_hourly_told_three_times_and_stops_the_export(
    home: Handmade, denied: list[ExportError]
) -> None:
    project = home.open()
    project.create("purchases")
    denied.append(AccessError("wrong secret key"))
    assert days_of_checks(home, project, NOW + 5 * DAY) == 49
    assert home.now == NOW + 2 * DAY
    assert project.list()[0].status == "Stopped"
    assert [(it.kind, it.created_at - NOW) for it in notices(home)] == [
        ("failed", 0 * DAY),
        ("failed", DAY),
        ("stopped", 2 * DAY),
    ]
    denied.clear()
    with pytest.raises(StoppedError):
        project.run("purchases")
    assert due(home.open()) == []
    assert home.tree() == {}


def test_a_credential_that_is_mended_before_resumes_the_export(
    home: Handmade, denied: list[ExportError]
) -> None:
    project = home.open()
    project.create("purchases")
    denied.append(AccessError("wrong secret key"))
    days_of_checks(home, project, NOW + 47 * HOUR)
    denied.clear()
    home.now = NOW + 48 * HOUR
    assert due(project)[:2] == [at(0), at(1)]
    assert [it.kind for it in notices(home)] == ["failed", "failed", "recovered"]
    denied.append(AccessError("wrong again"))
    home.now += DAY
    days_of_checks(home, project, home.now + 40 * HOUR)
    assert project.list()[0].status == "Pending"


def test_an_outage_is_told_once_and_when_it_is_over(
    home: Handmade, denied: list[ExportError]
) -> None:
    project = home.open()
    project.create("purchases")
    denied.append(UnavailableError("no network"))
    assert days_of_checks(home, project, NOW + 2 * HOUR) == 25
    denied.clear()
    home.now += 5 * MINUTE
    due(project)
    assert [it.kind for it in notices(home)] == ["failed", "recovered"]


class Killed(BaseException):
    """The end of a process."""


def test_a_run_that_is_killed_before_it_forgets_its_failure_leaves_that_to_the_planner(
    home: Handmade, denied: list[ExportError], monkeypatch: pytest.MonkeyPatch
) -> None:
    home.spec(schedule=one_time("2026-06-14", "2026-06-14"))
    project = home.open()
    project.create("purchases")
    denied.append(UnavailableError("no network"))
    days_of_checks(home, project, home.now + MINUTE)
    denied.clear()
    home.now += MINUTE

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Troubles, "succeeded", kill)
        with pytest.raises(Killed):
            project.run("purchases")
    assert len(home.receipts()) == 2
    assert project.list()[0].last_failure is not None
    project.unattended.forget_left("purchases")
    assert project.list()[0].last_failure is None
    assert [it.kind for it in notices(home)] == ["failed", "recovered"]
    project.unattended.forget_left("purchases")
    assert len(notices(home)) == 2


@pytest.mark.parametrize("delivered", [False, True])
def test_a_failure_of_what_was_not_delivered_since_is_not_forgotten(
    home: Handmade, denied: list[ExportError], delivered: bool
) -> None:
    project = home.open()
    project.create("purchases")
    if delivered:
        project.run("purchases")
        home.now += MINUTE
    denied.append(UnavailableError("no network"))
    with pytest.raises(UnavailableError):
        project.run("purchases", from_=at(0), to=at(1))
    project.unattended.forget_left("purchases")
    assert project.list()[0].last_failure is not None
    assert [it.kind for it in notices(home)] == ["failed"]


def test_a_failure_of_a_window_that_is_not_closed_is_not_forgotten(
    home: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.spec(manifest=True)
    project, put = home.open(), LocalStore.put

    def fail(store: LocalStore, key: str, path: Path) -> None:
        home.now += MINUTE
        if "_manifest" in key:
            raise UnavailableError("no network")
        put(store, key, path)

    monkeypatch.setattr(LocalStore, "put", fail)
    with pytest.raises(UnavailableError):
        project.run("purchases")
    project.unattended.forget_left("purchases")
    assert project.list()[0].last_failure is not None


def test_a_source_that_cannot_be_looked_into_is_a_recorded_failure(home: Handmade) -> None:
    home.spec(events={"select": "all"})
    project = home.open()
    project.create("purchases")
    hidden = (home.folder / "lake" / "events").rename(home.folder / "hidden")
    with pytest.raises(ExportError):
        due(project)
    assert project.list()[0].last_failure is not None
    hidden.rename(home.folder / "lake" / "events")
    home.now += 5 * MINUTE
    assert due(home.open()) == [at(0), at(1), at(2)]


def test_a_stop_during_a_run_is_no_failure(home: Handmade, monkeypatch: pytest.MonkeyPatch) -> None:
    project = home.open()
    project.create("purchases")
    put = LocalStore.put

    def stop_and_break(store: LocalStore, key: str, path: Path) -> None:
        put(store, key, path)
        home.open().stop("purchases")
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr(LocalStore, "put", stop_and_break)
    with pytest.raises(RuntimeError):
        project.run("purchases")
    (row,) = project.list()
    assert (row.status, row.last_failure) == ("Stopped", None)
    assert [it.kind for it in notices(home)] == ["stopped"]
    home.open().stop("purchases")
    assert [it.kind for it in notices(home)] == ["stopped"]
    assert len(home.tree()) == 1
