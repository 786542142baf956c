"""The table of exports by filters and pages, and the past of one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evexport_dagster.errors import AccessError, SpecError
from evexport_dagster.exports import ExportFilter
from evexport_dagster.windows import Window
from evexport_dagster_tests.handmade import Handmade, at, event, one_time, recurring, three_days


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    """Exports of four kinds; two have delivered, on different days, and one of them is stopped."""
    home = three_days(tmp_path_factory.mktemp("many") / "project")
    home.destinations["bucket"] = {"type": "s3", "bucket": "acme", "region": "eu-west-1"}
    home.configure()
    home.spec("as_json", format="json", folder={"template": "j/{{event-name}}"})
    days = one_time("2026-06-14", "2026-06-14")
    home.spec("once", format="parquet", folder={"template": "o/{{event-name}}"}, schedule=days)
    home.spec("quick", destination="bucket", schedule=recurring("4h"))
    home.run()
    home.now += timedelta(days=1)
    home.run("as_json")
    home.open().stop("as_json")
    home.open().create("once")
    return home


@pytest.fixture
def many(delivered: Handmade, tmp_path: Path) -> Iterator[Handmade]:
    """A copy of them."""
    with delivered.copied(tmp_path / "project") as copy:
        yield copy


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["as_json", "once", "purchases", "quick"]),
        ({"format": "csv"}, ["purchases", "quick"]),
        ({"partner": "s3"}, ["quick"]),
        ({"partner": "gcs"}, []),
        ({"type": "events"}, ["as_json", "once", "purchases", "quick"]),
        ({"type": "profiles"}, []),
        ({"status": "Stopped"}, ["as_json"]),
        ({"status": "Pending"}, ["once", "purchases"]),
        ({"frequency": "24h"}, ["as_json", "purchases"]),
        ({"frequency": "once"}, ["once"]),
        ({"frequency": "24h", "format": "json"}, ["as_json"]),
        ({"frequency": "4h", "format": "json"}, []),
        ({"exported_from": date(2026, 6, 17)}, ["as_json", "purchases"]),
        ({"exported_from": date(2026, 6, 18)}, ["as_json"]),
        ({"exported_from": date(2026, 6, 19)}, []),
        ({"exported_to": date(2026, 6, 17)}, ["purchases"]),
        ({"exported_to": date(2026, 6, 16)}, []),
        ({"exported_from": date(2026, 6, 17), "exported_to": date(2026, 6, 17)}, ["purchases"]),
        ({"exported_to": at(3, 1)}, []),
        ({"exported_to": at(3, 2)}, ["purchases"]),
    ],
)
def test_filters(many: Handmade, wanted: ExportFilter, names: list[str]) -> None:
    page = many.open().list(**wanted)
    assert [row.name for row in page] == names
    assert (page.total, page.page, page.pages) == (len(names), 1, 1)


@pytest.mark.parametrize(
    "wanted", [{"status": "Asleep"}, {"partner": "ftp"}, {"page": 0}, {"per_page": 15}]
)
def test_what_no_list_has_is_refused(home: Handmade, wanted: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=str(next(iter(wanted.values())))):
        home.open().list(**wanted)


def test_pages(home: Handmade) -> None:
    for number in range(24):
        home.spec(f"more_{number:02}", folder={"template": f"{number}/{{{{event-name}}}}"})
    project = home.open()
    first, second = project.list(), project.list(page=2)
    assert (len(first), len(second)) == (20, 5)
    assert {(it.page, it.pages, it.total) for it in (first, second)} == {(1, 2, 25), (2, 2, 25)}
    assert len({row.name for row in (*first, *second)}) == 25
    assert [len(project.list(page=number, per_page=10)) for number in (1, 2, 3, 4)] == [
        10,
        10,
        5,
        0,
    ]
    assert project.list(per_page=30)[:2] == first.rows[:2]


def test_what_only_the_ledger_knows_is_listed_and_shown(many: Handmade) -> None:
    before = {row.name: row for row in many.open().list()}
    shutil.rmtree(many.folder / "exports")
    many.destinations = {"elsewhere": {"type": "local", "path": "elsewhere"}}
    many.configure()
    project = many.open()
    rows = {row.name: row for row in project.list()}
    assert rows == {name: before[name] for name in ("purchases", "as_json", "once")}
    shown = project.show("as_json")
    assert (shown.row, shown.place) == (
        rows["as_json"],
        {"name": "local", "type": "local", "path": "out"},
    )
    assert len(shown.receipts) == 8
    with pytest.raises(SpecError, match="there is no export 'quick'"):
        project.show("quick")


def test_a_wrong_file_does_not_hide_the_export_that_runs(many: Handmade) -> None:
    many.spec(format="excel")
    assert {row.name: row.format for row in many.open().list()}["purchases"] == "csv"


def test_the_history_of_an_export(home: Handmade) -> None:
    home.spec("new")
    fresh = home.open().show("new")
    assert (fresh.revisions, fresh.windows, fresh.total, fresh.pages) == ((), (), 0, 1)
    home.run()
    home.spec(user_properties=["Email"])
    home.open().edit("purchases")
    home.out.rename(home.folder / "away")
    home.out.write_text("a file where a folder should be")
    home.events([event("Charged", at(3, 1))], "late")
    home.now += timedelta(days=1)
    with pytest.raises(AccessError):
        home.run()
    shown = home.open().show("purchases")
    assert [(it.window.start, it.state) for it in shown.windows] == [
        (at(3), "failed"),
        *((at(day), "delivered") for day in (2, 1, 0)),
    ]
    assert shown.windows[0].window == Window(at(3), at(4))
    assert [it.kind for it in shown.windows[0].failures] == ["access"]
    assert {it.event for it in shown.windows[0].attempts} == {"Charged", "App Launched"}
    assert [it.number for it in shown.revisions] == [1, 2]
    assert shown.changes == {2: ("user_properties: not set -> ['Email']",)}
    assert (shown.stopped_at, shown.total, shown.pages) == (None, 4, 1)
    home.open().stop("purchases")
    assert home.open().show("purchases").stopped_at == home.now


def test_a_long_history_has_pages(home: Handmade) -> None:
    home.now = datetime(2026, 6, 27, tzinfo=UTC)
    home.run()
    project = home.open()
    first, second, third = (project.show("purchases", page=number) for number in (1, 2, 3))
    assert [len(it.windows) for it in (first, second, third)] == [10, 2, 0]
    assert {(it.total, it.pages) for it in (first, second, third)} == {(12, 2)}
    starts = [it.window.start for it in (*first.windows, *second.windows)]
    assert starts == [at(day) for day in range(11, -1, -1)]
    assert len(project.show("purchases", per_page=20).receipts) == 24
