"""Several processes at once, and processes that die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from multiprocessing.connection import Connection

from evexport_dagster.ledger import Ledger, Receipt

from . import racers as run
from .racers import PROCESSES, RACERS, Racers
from .samples import NOW, RUN, TTL, WINDOW, create, leased, plain, receipt


def test_one_ledger_is_made_by_all_who_open_it(racers: Racers, url: str) -> None:
    assert racers.race(run.open_ledger, url) == [0] * RACERS


def test_an_older_ledger_is_upgraded_once(racers: Racers, ledger: Ledger, url: str) -> None:
    before = create(ledger)
    racers.race(run.upgrade_ledger, url)
    assert ledger.exports.registered() == (before,)


def test_one_export_is_created_by_all_who_try(racers: Racers, ledger: Ledger, url: str) -> None:
    created = racers.race(run.create_same, url)
    assert created == [ledger.exports.get("purchases")] * RACERS
    assert len(ledger.events.of(created[0].export_id)) == 2


def test_exports_of_one_second_have_their_own_ids(racers: Racers, ledger: Ledger, url: str) -> None:
    ids = list(chain.from_iterable(racers.race(run.create_own, url)))
    first = int(NOW.timestamp())
    assert sorted(ids) == list(range(first, first + 5 * RACERS))
    assert len(ledger.exports.registered()) == 5 * RACERS


def test_one_edit_wins(racers: Racers, ledger: Ledger, url: str) -> None:
    export_id = create(ledger).export_id
    numbers = racers.race(run.edit, url)
    assert sorted(numbers, key=str) == [2, *[None] * (RACERS - 1)]
    assert len(ledger.exports.revisions(export_id)) == 2


def test_an_event_has_one_place_for_all(racers: Racers, ledger: Ledger, url: str) -> None:
    export_id = create(ledger).export_id
    seen = racers.race(run.register_events, url)
    events = ledger.events.of(export_id)
    assert [event.position for event in events] == list(range(2 + 21))
    assert len({event.segment.lower() for event in events}) == len(events)
    finally_known = {event.name: event for event in events}
    assert all(one.items() <= finally_known.items() for one in seen)


def test_no_column_is_lost_or_doubled(racers: Racers, ledger: Ledger, url: str) -> None:
    export_id = create(ledger).export_id
    given = racers.race(run.append_columns, url)
    last = ledger.events.columns(export_id)["Charged"]
    assert len(last.names) == len(set(last.names)) == 2 + 10 * (1 + RACERS)
    for columns in chain.from_iterable(given):
        assert last.names[: len(columns.names)] == columns.names
        again = ledger.events.columns(export_id, {"Charged": columns.version})["Charged"]
        assert again == columns


def test_a_window_has_one_winner(racers: Racers, ledger: Ledger, url: str) -> None:
    create(ledger)
    for answers in zip(*racers.race(run.acquire, url), strict=True):
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


def test_one_of_the_exports_that_meet_has_the_keys(
    racers: Racers, ledger: Ledger, url: str
) -> None:
    exports = [create(ledger, new) for new in run.four_exports()]
    outcomes = racers.race(run.record_same_keys, url)
    assert sorted(outcomes) == ["RefusedError"] * (RACERS - 1) + ["recorded"]
    winner = exports[outcomes.index("recorded")].export_id
    ((only,),) = [found for one in exports if (found := ledger.deliveries.receipts(one.export_id))]
    assert (only.export_id, len(only.files)) == (winner, 20)


def test_nothing_is_left_of_a_transaction_whose_process_was_killed(
    ledger: Ledger, url: str
) -> None:
    export_id = create(ledger).export_id
    before = ledger.events.of(export_id)
    _kill(run.die_in_transaction, url, export_id)
    assert ledger.events.of(export_id) == before
    (first,) = ledger.events.register(export_id, [("first", None)], plain, NOW)
    assert first.position == 2


def test_a_receipt_is_whole_whenever_its_process_is_killed(ledger: Ledger, url: str) -> None:
    export_id = leased(ledger)
    _kill(run.record_for_ever, url, export_id)
    (left,) = ledger.deliveries.receipts(export_id)
    assert _is_whole(left)
    assert ledger.leases.acquire(export_id, WINDOW, "run-2", NOW + 2 * TTL, TTL)
    ledger.deliveries.record(receipt(export_id, ["after"]), "run-2")
    assert ledger.deliveries.receipts(export_id)[0].files[0].key == "after"
    assert RUN not in {lease.holder for lease in ledger.leases.holders(export_id)}


def _is_whole(left: Receipt) -> bool:
    turn = round((left.recorded_at - NOW).total_seconds())
    keys = [f"{turn}-{number}.csv.gz" for number in range(turn % 7)]
    made = receipt(left.export_id, keys, recorded_at=left.recorded_at)
    return replace(left, stale=()) == made


def _kill(work: Callable[[str, int, Connection], None], url: str, export_id: int) -> None:
    """Runs `work` in a process until it says its id, and kills it there."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=work, args=(url, export_id, theirs))
    process.start()
    theirs.close()
    assert ours.poll(60)
    os.kill(ours.recv(), signal.SIGKILL)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    process.close()
    ours.close()
