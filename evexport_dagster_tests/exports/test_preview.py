"""A preview is a plan that is never delivered."""

from __future__ import annotations

import pytest

from evexport_dagster.errors import RefusedError
from evexport_dagster_tests.handmade import (
    NOW,
    Handmade,
    at,
    event,
    header,
    recurring,
    text,
    tree,
)


def folders(home: Handmade) -> set[str]:
    """Every file and folder of the project."""
    return {path.relative_to(home.folder).as_posix() for path in home.folder.rglob("*")}


def test_a_preview_writes_nothing(home: Handmade) -> None:
    home.spec(schedule=recurring(first="2026-06-13", last="2026-06-13"))
    before = (folders(home), tree(home.folder))
    shown = home.open().preview("purchases")
    assert (folders(home), tree(home.folder)) == before
    assert (shown.provisional, shown.export_id) == (True, int(NOW.timestamp()))
    with home.open() as project:
        project.create("purchases")
    before = (folders(home), tree(home.folder))
    with home.open() as project:
        assert not project.preview("purchases").provisional
    assert (folders(home), tree(home.folder)) == before


def test_a_preview_is_what_is_delivered_later(home: Handmade) -> None:
    home.events([event("Charged", at(0, hour), n=f"{hour}", late=hour) for hour in (5, 6)], "more")
    home.configure(max_rows_per_file=3)
    shown = home.open().preview("purchases", rows=9)
    assert shown.window.start == at(0)
    receipts = {it.event: it for it in home.run(to=at(1))}
    assert [(it.event, it.instance, it.rows) for it in shown.deliveries] == [
        ("Charged", 0, 4),
        ("App Launched", 0, 2),
    ]
    assert [it.keys for it in shown.deliveries] == [
        tuple(file.key for file in receipts[name].files) for name in ("Charged", "App Launched")
    ]
    files = home.tree()
    for it in shown.deliveries:
        headers = [header(files[key]) for key in it.keys]
        assert headers == [list(shown.columns[it.event])] * len(it.keys)
        lines = [line for key in it.keys for line in text(files[key]).splitlines()[1:]]
        assert sorted(lines) == sorted(shown.records[it.event])


def test_a_preview_after_a_run_shows_what_the_next_run_would_add(home: Handmade) -> None:
    home.run(to=at(1))
    home.events([event("Charged", at(1, 5), a=1)], "more")
    shown = home.open().preview("purchases", event="Charged", window_start=at(1, 7))
    assert shown.columns == {
        "Charged": ("eventName", "eventTime", "identity", "clevertapId", "n", "a")
    }
    (receipt,) = home.run(to=at(2), from_=at(1), events=["Charged"])
    assert shown.deliveries[0].keys == (receipt.files[0].key,)
    assert header(home.tree()[receipt.files[0].key]) == list(shown.columns["Charged"])


def test_so_many_records_of_one_event_of_one_window(home: Handmade) -> None:
    shown = home.open().preview("purchases", event="Charged", rows=1, window_start=at(2, 12))
    assert shown.window.start == at(2)
    assert [it.event for it in shown.deliveries] == ["Charged"]
    (line,) = shown.records["Charged"]
    (row,) = csv_rows_of(shown.columns["Charged"], line)
    assert row["n"] in ("Charged 2 1", "Charged 2 23")
    assert home.open().preview("purchases", rows=0).records == {"Charged": (), "App Launched": ()}


def csv_rows_of(labels: tuple[str, ...], line: str) -> list[dict[str, str]]:
    return [dict(zip(labels, line.split(","), strict=True))]


def test_what_cannot_be_previewed(home: Handmade) -> None:
    with pytest.raises(RefusedError, match="no event 'Viewed'"):
        home.open().preview("purchases", event="Viewed")
    home.spec(events={"select": ["Viewed"]})
    with pytest.raises(RefusedError, match="no ended window with events yet"):
        home.open().preview("purchases")
    home.spec()
    home.now = at(0, 12)
    with pytest.raises(RefusedError, match="no ended window with events yet"):
        home.open().preview("purchases")
    home.spec(schedule=recurring(start="2026-06-20"))
    with pytest.raises(RefusedError, match="no ended window with events yet"):
        home.open().preview("purchases")
