"""What several processes do at once: each waits until all of them are there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import TypeVar

from evexport_dagster.errors import ExportError, RevisionError
from evexport_dagster.ledger import ColumnList, Event, Ledger, NewExport, RegisteredExport
from evexport_dagster.ledger.database import Database
from evexport_dagster.ledger.migrations import migrate, steps

from .samples import NEXT, NOW, PURCHASES, TTL, WINDOW, plain, receipt

Result = TypeVar("Result")

RACERS = 4
_start: Barrier

# As clean as spawned processes, but what all of them import is imported once.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "psycopg", __name__])


def _enter(start: Barrier) -> None:
    global _start
    _start = start


class Racers:
    """Processes that are kept for a whole session, because starting them takes long."""

    def __init__(self) -> None:
        start = PROCESSES.Barrier(RACERS)
        self._pool = ProcessPoolExecutor(RACERS, PROCESSES, _enter, (start,))

    def race(self, run: Callable[[str, int], Result], url: str) -> list[Result]:
        """What `run(url, number)` gave in each process."""
        futures = [self._pool.submit(run, url, number) for number in range(RACERS)]
        return [future.result(timeout=60) for future in futures]

    def close(self) -> None:
        self._pool.shutdown()


def open_ledger(url: str, _number: int) -> int:
    _start.wait(30)
    with Ledger.open(url) as ledger:
        return len(ledger.exports.registered())


def upgrade_ledger(url: str, _number: int) -> None:
    database = Database(url)
    _start.wait(30)
    migrate(database, [*steps(), NEXT])
    database.close()


def create_same(url: str, number: int) -> RegisteredExport:
    with Ledger.open(url) as ledger:
        _start.wait(30)
        new = replace(PURCHASES, fingerprint=f"f{number}")
        (registered,) = ledger.exports.create([new], NOW)
        return registered


def create_own(url: str, number: int) -> list[int]:
    with Ledger.open(url) as ledger:
        _start.wait(30)
        names = [f"export_{number}_{place}" for place in range(5)]
        return [
            ledger.exports.create([replace(PURCHASES, name=name)], NOW)[0].export_id
            for name in names
        ]


def edit(url: str, number: int) -> int | None:
    with Ledger.open(url) as ledger:
        _start.wait(30)
        try:
            return ledger.exports.add_revision("purchases", "{}", f"e{number}", 1, NOW).number
        except RevisionError:
            return None


def register_events(url: str, number: int) -> dict[str, Event]:
    with Ledger.open(url) as ledger:
        export_id = _only(ledger)
        _start.wait(30)
        for step in range(10):
            names = [("shared", None), (f"Event {step}", None), (f"event {step}", None)]
            ledger.events.register(export_id, _turned(names, number), plain, NOW)
        return {event.name: event for event in ledger.events.of(export_id)}


def append_columns(url: str, number: int) -> list[ColumnList]:
    with Ledger.open(url) as ledger:
        export_id = _only(ledger)
        _start.wait(30)
        return [
            ledger.events.append_columns(
                export_id, {"Charged": [f"shared {step}", f"own {number} {step}"]}
            )["Charged"]
            for step in range(10)
        ]


def acquire(url: str, number: int) -> list[bool]:
    with Ledger.open(url) as ledger:
        export_id = _only(ledger)
        _start.wait(30)
        windows = [WINDOW + timedelta(hours=hour) for hour in range(10)]
        return [
            ledger.leases.acquire(export_id, window, f"run-{number}", NOW, TTL)
            for window in windows
        ]


def record_same_keys(url: str, number: int) -> str:
    """Four exports that deliver the same keys, each in an order of its own."""
    with Ledger.open(url) as ledger:
        export_id = ledger.exports.registered()[number].export_id
        assert ledger.leases.acquire(export_id, WINDOW, "run-1", NOW, TTL)
        _start.wait(30)
        keys = _turned([f"{key}.csv.gz" for key in range(20)], number * 5)
        try:
            ledger.deliveries.record(receipt(export_id, keys), "run-1")
        except ExportError as error:
            return type(error).__name__
        return "recorded"


def die_in_transaction(url: str, export_id: int, to_parent: Connection) -> None:
    """Registers two events, and is waiting to be killed between the two."""

    def assign(name: str, taken: Collection[str]) -> str:
        if name == "second":
            to_parent.send(os.getpid())
            time.sleep(60)
        return plain(name, taken)

    with Ledger.open(url) as ledger:
        ledger.events.register(export_id, [("first", None), ("second", None)], assign, NOW)


def record_for_ever(url: str, export_id: int, to_parent: Connection) -> None:
    """Delivers one window again and again, with other files each time."""
    with Ledger.open(url) as ledger:
        moment: datetime = NOW
        for turn in range(1_000_000):
            keys = [f"{turn}-{number}.csv.gz" for number in range(turn % 7)]
            ledger.deliveries.record(receipt(export_id, keys, recorded_at=moment), "run-1")
            moment += timedelta(seconds=1)
            if turn == 3:
                to_parent.send(os.getpid())


def _only(ledger: Ledger) -> int:
    return ledger.exports.registered()[0].export_id


def _turned(values: Sequence[Result], by: int) -> list[Result]:
    by %= len(values)
    return [*values[by:], *values[:by]]


def four_exports() -> list[NewExport]:
    return [replace(PURCHASES, name=f"export_{number}") for number in range(RACERS)]
