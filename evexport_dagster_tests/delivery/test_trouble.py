"""What can go wrong on the way: a clean error, nothing half-written, and the next run repairs."""

from __future__ import annotations

import ctypes
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evexport_dagster.errors import (
    AccessError,
    BugError,
    BusyError,
    ExportError,
    RefusedError,
    UnavailableError,
)
from evexport_dagster.exports import Progress, leases
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster.ledger import Failure, Ledger
from evexport_dagster.stores.local import LocalStore
from evexport_dagster_tests.delivery.state import assert_delivered, assert_whole
from evexport_dagster_tests.handmade import Handmade, at, event, recurring, visible

SERIES = Counter(map(str, range(7)))
MB = 1 << 20


def failure(home: Handmade) -> Failure:
    """The failure that people are shown."""
    (row,) = home.open().list()
    assert row.last_failure is not None
    return row.last_failure


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A disk on which no file gets longer: a write beyond fails, as on one that is full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@contextmanager
def without_override() -> Iterator[None]:
    """Permissions count, for root too."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    effective = data[0]
    data[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, data) == 0
    try:
        yield
    finally:
        data[0] = effective
        assert libc.capset(header, data) == 0


def large(home: Handmade) -> None:
    """One window of one event whose files do not compress below 2 MB."""
    noise = random.Random(7)
    texts = (noise.randbytes(50_000).hex() for _ in range(50))
    home.events(event("Charged", at(2, 1), n=n, text=text) for n, text in enumerate(texts))
    home.spec(events={"select": ["Charged"]}, schedule=recurring(start="2026-06-16"))


def test_a_full_disk_under_the_scratch_folder(home: Handmade) -> None:
    large(home)
    with largest_file(MB), pytest.raises(UnavailableError, match=r"scratch space: .*scratch"):
        home.run()
    assert home.tree() == {}
    assert not (home.folder / ".scratch").exists()
    assert failure(home).kind == "unavailable"
    home.run()
    assert_delivered(home, Counter(map(str, range(50))))


def test_a_full_disk_under_the_destination(home: Handmade, monkeypatch: pytest.MonkeyPatch) -> None:
    large(home)
    put = LocalStore.put

    def put_on_full_disk(store: LocalStore, key: str, path: Path) -> None:
        with largest_file(MB):
            put(store, key, path)

    with monkeypatch.context() as full:
        full.setattr(LocalStore, "put", put_on_full_disk)
        for _ in range(2):
            with pytest.raises(UnavailableError, match="free some space"):
                home.run()
    assert home.tree() == {}
    assert (failure(home).kind, failure(home).count) == ("unavailable", 2)
    home.run()
    assert_delivered(home, Counter(map(str, range(50))))


def test_a_folder_that_cannot_be_written(series: Handmade) -> None:
    series.run(events=["App Launched"])
    before = series.tree()
    series.out.chmod(0o500)
    with without_override(), pytest.raises(AccessError, match=r"let the user .* write") as caught:
        series.run()
    assert caught.value.kind == "access"
    assert series.tree() == before
    assert failure(series).kind == "access"
    series.out.chmod(0o700)
    series.run()
    assert_delivered(series, SERIES)


def test_a_stale_file_that_cannot_be_removed_is_removed_when_it_can_be(series: Handmade) -> None:
    series.run()
    series.events([event("App Launched", at(0), n=6)])
    folder = series.out / "Charged"
    folder.chmod(0o500)
    with without_override():
        series.run(from_=at(0))
        assert series.run() == ()
    assert len(list(folder.iterdir())) == 3
    folder.chmod(0o700)
    series.run()
    assert_delivered(series, Counter(["6"]))


def test_a_destination_that_is_no_folder(series: Handmade) -> None:
    series.out.write_text("a file")
    with pytest.raises(AccessError):
        series.run()
    series.out.unlink()
    series.run()
    assert_delivered(series, SERIES)


def test_a_source_that_breaks_off(home: Handmade) -> None:
    home.events([event("Charged", at(0, 1), n="first"), event("App Launched", at(0), n="other")])
    rows = [event("Charged", at(1, hour), n=hour) for hour in range(20)]
    path = home.events(rows, "second")
    props = pq.read_metadata(path).row_group(0).column(5)
    assert props.path_in_schema == "event_props"
    home.now = at(2, 1)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    start = props.dictionary_page_offset
    damaged[start : start + 20] = b"\xff" * 20
    path.write_bytes(damaged)
    with pytest.raises(ExportError, match="source 'lake'") as caught:
        home.run()
    assert caught.value.kind in ("spec", "unavailable")
    assert home.values() == Counter(["first", "other"])
    assert failure(home).window_start == at(1)
    path.write_bytes(whole)
    home.run()
    assert_delivered(home, Counter(["first", "other", *map(str, range(20))]))


def test_records_that_are_not_there_when_they_are_counted_back(
    series: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = CsvFormat.count
    with monkeypatch.context() as wrong:
        wrong.setattr(CsvFormat, "count", lambda self, chunks: count(self, chunks) - 1)
        with pytest.raises(BugError, match="3 records written, 2 read back"):
            series.run()
    assert series.tree() == {}
    assert failure(series).kind == "bug"
    series.run()
    assert_delivered(series, SERIES)


def test_an_error_that_nobody_thought_of_is_a_recorded_failure(
    series: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object) -> None:
        raise ValueError("a surprise")

    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "put", surprise)
        with pytest.raises(ValueError, match="a surprise"):
            series.run()
    assert (failure(series).kind, failure(series).message) == ("bug", "a surprise")
    series.run()
    assert_delivered(series, SERIES)


def at_second_event(act: Callable[[], None]) -> Callable[[Progress], None]:
    """Act when a run comes to its second event, and leave it time to notice."""

    def on_progress(progress: Progress) -> None:
        if progress.event == "App Launched":
            act()
            time.sleep(0.3)

    return on_progress


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_BEAT_SECONDS", 0.02)


@pytest.mark.usefixtures("quick_beats")
def test_a_stop_ends_a_run_between_two_files(series: Handmade) -> None:
    def stop() -> None:
        series.open().stop("purchases")

    with pytest.raises(RefusedError, match="was stopped"):
        series.run(on_progress=at_second_event(stop))
    assert [it.event for it in series.receipts()] == ["Charged"]
    assert {key.split("/")[0] for key in series.tree()} == {"Charged"}
    assert series.open().list()[0].status == "Stopped"


@pytest.mark.usefixtures("quick_beats")
def test_a_run_that_lost_its_window_publishes_nothing_more(series: Handmade) -> None:
    def take_over() -> None:
        with Ledger.open(f"sqlite:///{series.folder}/.evexport/ledger.db") as ledger:
            (lease,) = ledger.leases.holders(ledger.exports.registered()[0].export_id)
            ledger.leases.release(lease.export_id, lease.window_start, lease.holder)

    with pytest.raises(BusyError, match="took the window over"):
        series.run(on_progress=at_second_event(take_over))
    assert_whole(series)
    assert all(key.startswith("Charged/") for key in series.tree() if visible(key))
    series.run()
    assert_delivered(series, SERIES)
