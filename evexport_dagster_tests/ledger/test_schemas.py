"""Schemas of deliveries: each kept once, found by its hash and from the delivery after it; those of
a ledger that was there before they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select

from evexport_dagster.ledger import Ledger
from evexport_dagster.ledger.database import Database
from evexport_dagster.ledger.migrations import migrate, steps
from evexport_dagster.ledger.schema import digest
from evexport_dagster.ledger.schema import record_schema as table
from evexport_dagster.record_schema import RecordSchema, record_schema

from .samples import HOURS, NOW, RUN, TTL, WINDOW, create, receipt

LATER = WINDOW + HOURS


def schema(**kinds: str) -> RecordSchema:
    sources = {label: (label,) for label in kinds}
    return record_schema([("", ["eventName"]), ("eventProps", list(kinds))], sources, kinds)


def record(
    ledger: Ledger,
    export_id: int,
    window: datetime,
    what: RecordSchema | None,
    event: str = "Charged",
) -> None:
    assert ledger.leases.acquire(export_id, window, RUN, NOW, TTL)
    made = receipt(export_id, [f"{window}-{event}"], event=event, window=window)
    hashed = replace(made, schema_hash=what.hash if what else None)
    ledger.deliveries.record(hashed, RUN, schema=what)


def test_a_schema_is_found_by_its_hash_and_from_later_windows(ledger: Ledger) -> None:
    export_id = create(ledger).export_id
    first, second = schema(a="number", **{"b\0\\é": "text"}), schema(a="text")
    record(ledger, export_id, WINDOW, first)
    record(ledger, export_id, LATER, second)
    record(ledger, export_id, LATER, first, "App Launched")
    record(ledger, export_id, LATER + HOURS, None)
    schemas = ledger.schemas
    assert schemas.of(export_id, [first.hash, second.hash]) == {
        first.hash: first,
        second.hash: second,
    }
    assert schemas.before(export_id, WINDOW) == {}
    assert schemas.before(export_id, LATER) == {"Charged": first.hash}
    both = {"Charged": second.hash, "App Launched": first.hash}
    assert schemas.before(export_id, LATER + HOURS) == both
    assert schemas.before(export_id, LATER + 2 * HOURS) == both
    found = ledger.deliveries.receipts(export_id, LATER)
    assert [it.schema_hash for it in found] == [second.hash, first.hash]


def test_a_schema_is_kept_once(ledger: Ledger, url: str) -> None:
    export_id = create(ledger).export_id
    for number in range(3):
        record(ledger, export_id, WINDOW + number * HOURS, schema(a="number"))
    database = Database(url)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 1
    database.close()


def test_deliveries_from_before_there_were_schemas_have_none(url: str) -> None:
    path = steps()
    (number,) = (n for n, step in enumerate(path) if "record_schema" in step)
    database = Database(url)
    migrate(database, path[:number])
    with database.write() as connection:
        for statement in OLD.split(";"):
            connection.exec_driver_sql(statement)
    database.close()
    with Ledger.open(url) as ledger:
        (old,) = ledger.deliveries.receipts(7)
        assert (old.rows, old.schema_hash) == (3, None)
        assert ledger.schemas.before(7, LATER) == {}
        record(ledger, 7, LATER, schema(a="text"))
        assert ledger.schemas.before(7, LATER + HOURS) == {"Charged": schema(a="text").hash}


OLD = f"""
INSERT INTO export (export_id, name, type, kind, state, state_at, created_at)
VALUES (7, 'old', 'events', 'recurring', 'active', 0, 0);
INSERT INTO revision (export_id, number, meaning, fingerprint, created_at)
VALUES (7, 1, '{{}}', 'f', 0);
INSERT INTO event
(export_id, position, name, digest, segment, first_seen_at, columns_at_creation)
VALUES (7, 0, 'Charged', '{digest("Charged")}', 'Charged', 0, 0);
INSERT INTO delivery
(export_id, window_start, window_end, event, revision, column_version, rows, source_rows,
oddities, run_id, recorded_at, displayed)
VALUES (7, 0, 1, 0, 1, 0, 3, 3, '{{}}', 'r', 0, TRUE)
"""
