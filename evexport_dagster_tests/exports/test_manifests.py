"""The manifest of a window is its last object, and says what the ledger says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evexport_dagster.errors import UnavailableError
from evexport_dagster.exports import manifests
from evexport_dagster.ledger.manifests import Manifests
from evexport_dagster.stores.local import LocalStore
from evexport_dagster_tests.handmade import Handmade, at, csv_rows, event

Put = list[str]


@pytest.fixture
def home(home: Handmade) -> Handmade:
    """The project of three days, with manifests."""
    home.spec(manifest=True)
    return home


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """The keys of all objects in the order in which they are put."""
    keys: Put = []
    original = LocalStore.put

    def noted(store: LocalStore, key: str, path: Path) -> None:
        original(store, key, path)
        keys.append(key)

    monkeypatch.setattr(LocalStore, "put", noted)
    return keys


def read(home: Handmade, day: int = 0) -> dict[str, Any]:
    """The manifest of a day."""
    (export,) = {it.export_id for it in home.receipts()}
    key = f"_manifest-{export}-{int(at(day + 1).timestamp())}.json"
    document: dict[str, Any] = json.loads(home.tree()[key])
    return document


def listed(home: Handmade) -> set[str]:
    """The keys of all manifests."""
    return {key for key in home.tree() if key.startswith("_manifest-")}


def assert_true(home: Handmade, days: int = 3) -> None:
    """Every manifest names exactly the objects of its window, as they are."""
    objects = home.tree()
    named: dict[str, Any] = {}
    for key in listed(home):
        document = json.loads(objects.pop(key))
        named |= {file["key"]: file for file in document["files"]}
        rows = dict.fromkeys(document["events"], 0)
        for file in document["files"]:
            rows[file["event"]] += file["rows"]
        assert rows == document["events"]
        days -= 1
    assert days == 0
    assert objects.keys() == named.keys()
    for key, data in objects.items():
        found = (len(csv_rows(data)), len(data), hashlib.sha256(data).hexdigest())
        assert found == tuple(named[key][name] for name in ("rows", "bytes", "sha256"))


def test_it_says_what_the_ledger_says(home: Handmade) -> None:
    home.run()
    assert_true(home)
    receipts = home.receipts()[:2]
    manifest = read(home)
    files = manifest.pop("files")
    assert manifest == {
        "version": 1,
        "export": "purchases",
        "export_id": receipts[0].export_id,
        "revision": 1,
        "window": ["2026-06-14T00:00:00+00:00", "2026-06-15T00:00:00+00:00"],
        "events": {"Charged": 2, "App Launched": 2},
    }
    assert [list(file) for file in files] == [
        ["key", "event", "instance", "rows", "bytes", "sha256"]
    ] * 2


def test_it_is_the_last_object_of_each_window(home: Handmade, put: Put) -> None:
    home.run()
    assert ["_manifest" in key for key in put] == [False, False, True] * 3
    timestamps = [key.split("-")[-3 if ".csv" in key else -1].split(".")[0] for key in put]
    assert timestamps == sorted(timestamps)


def test_it_lies_at_the_prefix_whatever_the_folder(home: Handmade) -> None:
    home.destinations["local"]["prefix"] = "a/b"
    home.configure()
    home.spec(manifest=True, folder={"template": "deep/{{date}}/{{event-name}}"})
    home.run()
    made = [key for key in home.tree() if "_manifest" in key]
    assert len(made) == 3
    assert all(key.startswith("a/b/_manifest-") for key in made)


def test_there_is_none_unless_it_is_asked_for(home: Handmade) -> None:
    home.spec(manifest=False)
    home.run()
    assert listed(home) == set()


def test_events_without_rows_are_in_it(home: Handmade) -> None:
    home.events([event("Charged", at(0, 1), n=1)])
    home.run()
    assert read(home)["events"] == {"Charged": 1, "App Launched": 0}
    assert (read(home, 1)["events"], read(home, 1)["files"]) == (
        {"Charged": 0, "App Launched": 0},
        [],
    )


def test_a_window_that_is_not_complete_has_none(home: Handmade, put: Put) -> None:
    home.run(events=["Charged"])
    assert listed(home) == set()
    home.run()
    assert_true(home)
    assert put[3:] == [
        key for day in put[4::2] for key in put if key in (put[put.index(day) - 1], day)
    ]


def test_a_repeated_delivery_makes_it_anew_and_last(home: Handmade, put: Put) -> None:
    home.run()
    before = read(home)
    put.clear()
    home.events(
        event(name, at(day, hour), n=f"{name} {day} {hour}")
        for day in range(3)
        for hour in (1, 22, 23)
        for name in ("Charged", "App Launched")
    )
    home.run(from_=at(0), to=at(1), events=["Charged"])
    assert ["_manifest" in key for key in put] == [False, True]
    assert_true(home)
    assert read(home)["events"] == {"Charged": 3, "App Launched": 2}
    assert before["events"] == {"Charged": 2, "App Launched": 2}


def test_a_run_that_was_ended_before_it_is_completed_by_the_next(
    home: Handmade, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(manifests, "renew", ended)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    assert len(home.receipts()) == 2
    assert listed(home) == set()
    put.clear()
    assert len(home.run()) == 4
    assert "_manifest" in put[0]
    assert_true(home)


def test_one_that_was_put_and_not_recorded_is_put_again(
    home: Handmade, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(Manifests, "record", ended)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    (first,) = listed(home)
    put.clear()
    home.run()
    assert put[0] == first
    assert_true(home)
    assert home.run() == ()
    assert len(put) == 7


def test_a_failure_to_put_it_is_a_failure_of_the_window(
    home: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LocalStore.put

    def refused(store: LocalStore, key: str, path: Path) -> None:
        if "_manifest" in key:
            raise UnavailableError("the network is down")
        original(store, key, path)

    with monkeypatch.context() as down:
        down.setattr(LocalStore, "put", refused)
        for _ in range(2):
            with pytest.raises(UnavailableError):
                home.run()
    (row,) = home.open().list()
    assert row.last_failure is not None
    assert (row.last_failure.window_start, row.last_failure.count) == (at(0), 2)
    assert len(home.receipts()) == 2
    home.run()
    assert home.open().list()[0].last_failure is None
    assert_true(home)


def test_one_at_a_former_prefix_goes(home: Handmade) -> None:
    home.run()
    home.destinations["local"]["prefix"] = "new"
    home.configure()
    with home.open() as project:
        project.edit("purchases")
    home.run(from_=at(0))
    assert all(key.startswith("new/") for key in home.tree())
    assert len([key for key in home.tree() if "_manifest" in key]) == 3


def test_an_export_that_has_none_any_more_leaves_none_that_is_wrong(home: Handmade) -> None:
    home.run()
    home.spec(manifest=False)
    with home.open() as project:
        project.edit("purchases")
    assert home.run() == ()
    assert len(listed(home)) == 3
    home.run(from_=at(0), to=at(1))
    assert len(listed(home)) == 2


def test_an_event_that_joins_late_is_in_it(home: Handmade) -> None:
    home.spec(manifest=True, events={"select": "all"})
    home.run()
    assert read(home)["events"] == {"App Launched": 2, "Charged": 2}
    home.events([event("New", at(0, 5), n="new")], "more")
    home.run()
    assert read(home)["events"] == {"App Launched": 2, "Charged": 2, "New": 1}
    assert_true(home)
