"""Windows of many chunks, and columns that show only when some records are written already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from evexport_dagster.errors import UnavailableError
from evexport_dagster.ledger import Attempt, ColumnList, Ledger
from evexport_dagster.query import stage, window
from evexport_dagster.query.stage import chunks
from evexport_dagster.stores.local import LocalStore
from evexport_dagster_tests.delivery.state import assert_delivered
from evexport_dagster_tests.handmade import Handmade, at, event, header, json_rows, text

ROWS = 120
LATE = 90
BOTH = ("Charged", "App Launched")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_CHUNK_BYTES", 1)
    monkeypatch.setattr(stage, "_BATCH_ROWS", 25)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The events of each pass over a window's source."""
    found: list[Sequence[str]] = []

    def noted(con: Any, lake: Any, selection: Any) -> Iterator[Any]:
        found.append(tuple(selection.events))
        return chunks(con, lake, selection)

    monkeypatch.setattr(window, "chunks", noted)
    return found


@pytest.fixture
def growing(home: Handmade) -> Handmade:
    """One window, of two instances; late in it `Charged` gets two more properties."""
    home.events(
        event(
            name,
            at(0, 1 + n / ROWS),
            instance=n % 2,
            n=f"{name} {n}",
            **({"z": n, "a": 'x,"y"'} if n >= LATE and name == "Charged" else {}),
        )
        for n in range(ROWS)
        for name in BOTH
    )
    home.now = at(1, 1)
    home.configure(max_rows_per_file=37)
    return home


EVERYTHING = Counter(f"{name} {n}" for name in BOTH for n in range(ROWS))


def ledger_of(home: Handmade) -> Ledger:
    return Ledger.open(f"sqlite:///{home.folder}/.evexport/ledger.db")


def columns_of(home: Handmade, name: str = "purchases") -> dict[str, ColumnList]:
    with ledger_of(home) as ledger, home.open() as project:
        registered = project.registered(name)
        assert registered is not None
        return ledger.events.columns(registered.export_id)


def pending(home: Handmade) -> dict[str, Attempt]:
    with ledger_of(home) as ledger:
        (export,) = ledger.exports.registered()
        return ledger.attempts.pending(export.export_id, at(0), 1)


@pytest.mark.parametrize("sort", [False, True])
def test_csv_is_done_again_where_columns_came_late(
    growing: Handmade, passes: list[Sequence[str]], sort: bool
) -> None:
    growing.spec(sort=sort)
    receipts = {it.event: it for it in growing.run()}
    assert passes == [BOTH, ("Charged",)]
    assert_delivered(growing, EVERYTHING)
    assert [it.column_version for it in receipts.values()] == [1, 1]
    for name, properties in (("Charged", ["n", "a", "z"]), ("App Launched", ["n"])):
        files = receipts[name].files
        assert [(it.instance, it.rows) for it in files] == [(0, 37), (0, 23), (1, 37), (1, 23)]
        for file in files:
            assert header(growing.tree()[file.key])[4:] == properties
    rows = [row for rows in growing.delivered().values() for row in rows if "z" in row]
    assert {(row["n"], row["z"], row["a"]) for row in rows} == {
        (f"Charged {n}", str(n) if n >= LATE else "", 'x,"y"' if n >= LATE else "")
        for n in range(ROWS)
    }


@pytest.mark.parametrize("sort", [False, True])
def test_json_is_read_once(growing: Handmade, passes: list[Sequence[str]], sort: bool) -> None:
    growing.spec(format="json", sort=sort)
    receipts = growing.run()
    assert passes == [BOTH]
    for receipt in receipts:
        rows = [it for file in receipt.files for it in json_rows(growing.tree()[file.key])]
        found = sorted(rows, key=lambda it: int(it["eventProps"]["n"].split()[-1]))
        late = receipt.event == "Charged"
        assert [it["eventProps"] for it in found] == [
            {"n": f"{receipt.event} {n}"} | ({"z": n, "a": 'x,"y"'} if late and n >= LATE else {})
            for n in range(ROWS)
        ]


def test_the_ledger_has_the_same_columns_for_every_format(growing: Handmade) -> None:
    growing.spec("as_csv", folder={"template": "csv"})
    growing.spec("as_json", folder={"template": "json"}, format="json")
    for name in ("as_csv", "as_json"):
        growing.run(name)
    assert columns_of(growing, "as_csv") == columns_of(growing, "as_json")
    assert columns_of(growing, "as_csv")["Charged"].names == ("n", "a", "z")


@pytest.mark.parametrize("format_", ["csv", "json"])
def test_a_lock_takes_the_names_of_its_whole_first_window(growing: Handmade, format_: str) -> None:
    # There is no row yet when the export is created.
    rows = growing.folder / "lake" / "events" / "events.parquet"
    data = rows.read_bytes()
    growing.events([])
    growing.spec(format=format_, events={"select": [*BOTH], "schema_updates": "lock"})
    with growing.open() as project:
        project.create("purchases")
    rows.write_bytes(data)
    receipts = {it.event: it for it in growing.run()}
    assert columns_of(growing)["Charged"].names == ("n", "a", "z")
    assert "left_out" not in receipts["Charged"].oddities
    if format_ == "csv":
        assert_delivered(growing, EVERYTHING)


@pytest.mark.parametrize("format_", ["csv", "json"])
def test_sorted_records_are_the_same_bytes_however_the_window_is_cut(
    growing: Handmade, monkeypatch: pytest.MonkeyPatch, passes: list[Sequence[str]], format_: str
) -> None:
    growing.spec(sort=True, format=format_)
    growing.run()
    many = growing.tree()
    del passes[:]
    growing.run(from_=at(0))
    assert passes == [BOTH]
    assert growing.tree() == many
    monkeypatch.undo()
    growing.run(from_=at(0))
    assert {key: text(data)[-200:] for key, data in growing.tree().items()} == {
        key: text(data)[-200:] for key, data in many.items()
    }
    assert growing.tree() == many


def fail(*_: object) -> None:
    raise UnavailableError("the network is down")


def test_a_retry_keeps_its_columns_and_reads_once(
    growing: Handmade, monkeypatch: pytest.MonkeyPatch, passes: list[Sequence[str]]
) -> None:
    growing.spec(events={"select": ["Charged"]})
    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "put", fail)
        with pytest.raises(UnavailableError):
            growing.run()
    assert passes == [("Charged",), ("Charged",)]
    growing.events([event("Charged", at(1, 1), n="other", new=1)], "next")
    growing.now = at(2, 1)
    (other,) = growing.run(from_=at(1))
    assert (other.column_version, columns_of(growing)["Charged"].version) == (2, 2)
    del passes[:]
    # What only the newer list has came to the window meanwhile.
    growing.events([event("Charged", at(0, 1), n="late", new=1)], "late")
    (retried,) = growing.run()
    assert passes == [("Charged",)]
    assert (retried.window_start, retried.column_version) == (at(0), 1)
    assert retried.oddities["left_out"] == {"new": 1}
    found = {tuple(header(growing.tree()[file.key])[4:]) for file in retried.files}
    assert found == {("n", "a", "z")}
    expected = Counter([*(f"Charged {n}" for n in range(ROWS)), "late", "other"])
    assert_delivered(growing, expected)


def test_a_run_that_breaks_off_between_two_passes(
    growing: Handmade, monkeypatch: pytest.MonkeyPatch, passes: list[Sequence[str]]
) -> None:
    def second_fails(con: Any, lake: Any, selection: Any) -> Iterator[Any]:
        if passes:
            fail()
        passes.append(tuple(selection.events))
        return chunks(con, lake, selection)

    with monkeypatch.context() as broken:
        broken.setattr(window, "chunks", second_fails)
        with pytest.raises(UnavailableError):
            growing.run()
    assert [it.event for it in growing.receipts()] == ["App Launched"]
    assert {key.split("/")[0] for key in growing.tree()} == {"App-Launched"}
    assert not (growing.folder / ".scratch").exists()
    del passes[:]
    growing.run()
    assert passes == [("Charged",)]
    assert_delivered(growing, EVERYTHING)


def test_an_event_without_rows_begins_no_attempt(
    home: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.events([event("Charged", at(0, 1), a=1), event("App Launched", at(1, 1), b=1)])
    home.now = at(1, 1)
    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "put", fail)
        with pytest.raises(UnavailableError):
            home.run()
    assert pending(home).keys() == {"Charged"}
    assert pending(home)["Charged"].column_version == 1
    home.events([event(name, at(0, 1), b=1) for name in BOTH])
    receipts = {it.event: it for it in home.run()}
    # What was without a row had promised nothing: its columns are those that it has now.
    assert {name: it.column_version for name, it in receipts.items()} == {
        "Charged": 1,
        "App Launched": 1,
    }
    assert header(home.tree()[receipts["App Launched"].files[0].key])[4:] == ["b"]
    assert header(home.tree()[receipts["Charged"].files[0].key])[4:] == ["a"]
    assert receipts["Charged"].oddities["left_out"] == {"b": 1}
    assert pending(home) == {}


@pytest.mark.parametrize("format_", ["csv", "json"])
@pytest.mark.parametrize("rows", [0, 3, ROWS])
def test_a_preview_of_many_chunks(growing: Handmade, format_: str, rows: int) -> None:
    growing.spec(format=format_)
    shown = growing.open().preview("purchases", rows=rows)
    receipts = {it.event: it for it in growing.run()}
    assert [it.keys for it in shown.deliveries] == [
        tuple(file.key for file in receipts[name].files if file.instance == instance)
        for name in BOTH
        for instance in (0, 1)
    ]
    assert shown.columns["Charged"][-3:] == ("n", "a", "z")
    lines: dict[str, Counter[str]] = {name: Counter() for name in BOTH}
    for name, receipt in receipts.items():
        for file in receipt.files:
            written = text(growing.tree()[file.key]).splitlines()
            lines[name] += Counter(written[1:] if format_ == "csv" else written)
    for name in BOTH:
        assert len(shown.records[name]) == rows
        assert not Counter(shown.records[name]) - lines[name]
