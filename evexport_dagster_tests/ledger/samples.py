"""Values that the tests of the ledger begin with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from evexport_dagster.errors import Kind
from evexport_dagster.ledger import (
    DeliveredFile,
    Failure,
    Ledger,
    NewExport,
    NewFailure,
    Outcome,
    Receipt,
    RegisteredExport,
)

NOW = datetime(2026, 6, 14, 12, 0, 0, 250_000, tzinfo=UTC)
WINDOW = datetime(2026, 6, 14, 4, tzinfo=UTC)
HOURS = timedelta(hours=4)
TTL = timedelta(minutes=2)
RUN = "run-1"
BUCKET = "s3://acme-events"

# A step that a later program may take.
NEXT = "CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY);\nINSERT INTO later VALUES (7);\n"

PURCHASES = NewExport(
    name="purchases",
    type="events",
    kind="recurring",
    meaning='{"format": "csv"}',
    fingerprint="f1",
    events=[("Charged", "Charged"), ("App Launched", "App-Launched")],
    columns={"Charged": ["Amount", "Currency"]},
)
HISTORY = replace(PURCHASES, name="purchases_history", kind="history", columns={})


def create(ledger: Ledger, new: NewExport = PURCHASES, now: datetime = NOW) -> RegisteredExport:
    (registered,) = ledger.exports.create([new], now)
    return registered


def fail(
    ledger: Ledger,
    export_id: int,
    kind: Kind,
    message: str = "no",
    *,
    window: datetime = WINDOW,
    run: str = RUN,
    at: datetime = NOW,
) -> Failure:
    """Record a failure that is no trouble and is told to nobody."""
    new = NewFailure(window, kind, message, run, at)
    return ledger.troubles.failed(export_id, new, lambda before, _: Outcome(before))


def leased(ledger: Ledger, new: NewExport = PURCHASES, window: datetime = WINDOW) -> int:
    """The id of a new export whose window the run holds."""
    export_id = create(ledger, new).export_id
    assert ledger.leases.acquire(export_id, window, RUN, NOW, TTL)
    return export_id


def delivered(key: str, *, index: int = 0, destination: str = BUCKET) -> DeliveredFile:
    return DeliveredFile(destination, key, 0, index, rows=10, bytes=100, sha256="ab" * 32)


def receipt(
    export_id: int,
    keys: Sequence[str] = ("a.csv.gz",),
    *,
    event: str = "Charged",
    window: datetime = WINDOW,
    oddities: Mapping[str, object] | None = None,
    recorded_at: datetime = NOW,
) -> Receipt:
    return Receipt(
        export_id=export_id,
        window_start=window,
        window_end=window + HOURS,
        event=event,
        revision=1,
        column_version=1,
        rows=10 * len(keys),
        source_rows=10 * len(keys),
        run_id=RUN,
        recorded_at=recorded_at,
        oddities=oddities or {},
        files=tuple(delivered(key, index=index) for index, key in enumerate(keys)),
    )


def plain(name: str, taken: Collection[str]) -> str:
    """A path segment that is free among the taken ones, whatever their case."""
    lower = {segment.lower() for segment in taken}
    segment = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
    return segment if segment.lower() not in lower else f"{segment}-{len(lower)}"
