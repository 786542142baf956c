"""Late rows: kept until a receipt counts them; those that reopen a delivery make it due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from evexport_dagster.ledger import Late, Ledger, Seen

from .samples import HOURS, NOW, RUN, WINDOW, leased, plain, receipt

LATE = Late(WINDOW, "Charged", 3, NOW, reopens=True)


@pytest.fixture
def export_id(ledger: Ledger) -> int:
    """An export with one delivery."""
    export_id = leased(ledger)
    ledger.deliveries.record(replace(receipt(export_id), watermark=NOW), RUN)
    return export_id


def recorded(ledger: Ledger, export_id: int) -> set[tuple[datetime, str]]:
    return ledger.deliveries.recorded(export_id, [WINDOW])


def test_a_delivery_with_late_rows_is_due_until_it_is_recorded_again(
    ledger: Ledger, export_id: int
) -> None:
    assert ledger.windows.seen(export_id, WINDOW, WINDOW) == {(WINDOW, "Charged"): Seen(10, NOW)}
    ledger.late.note(export_id, [LATE])
    assert ledger.late.of(export_id) == (LATE,)
    assert recorded(ledger, export_id) == set()
    assert ledger.windows.begun(export_id) == {WINDOW}
    assert ledger.windows.delivered(export_id, WINDOW, None) == {}
    assert ledger.windows.seen(export_id, WINDOW, WINDOW) == {}
    ledger.deliveries.record(receipt(export_id), RUN)
    assert ledger.late.of(export_id) == ()
    assert recorded(ledger, export_id) == {(WINDOW, "Charged")}
    assert ledger.windows.begun(export_id) == set()


def test_rows_that_are_only_reported_make_nothing_due(ledger: Ledger, export_id: int) -> None:
    ledger.late.note(export_id, [replace(LATE, reopens=False)])
    assert recorded(ledger, export_id) == {(WINDOW, "Charged")}
    assert ledger.windows.begun(export_id) == set()
    ledger.late.note(export_id, [replace(LATE, rows=4)])
    assert ledger.late.of(export_id, WINDOW) == (replace(LATE, rows=4),)
    assert ledger.late.of(export_id, WINDOW + HOURS) == ()


def test_an_event_belongs_to_the_earliest_window_it_was_seen_in(
    ledger: Ledger, export_id: int
) -> None:
    for window in (WINDOW + HOURS, WINDOW, WINDOW + HOURS):
        (seen,) = ledger.events.register(export_id, [("Late", window)], plain, NOW)
    assert seen.first_window == WINDOW
    (charged,) = ledger.events.register(export_id, [("Charged", WINDOW)], plain, NOW)
    assert charged.first_window is None
