"""The schema of each delivery, and what changed in it since the delivery before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evexport_dagster.ledger import Ledger, Receipt
from evexport_dagster.record_schema import Drift, RecordSchema, drift

ReceiptKey = tuple[datetime, str]
"""The start of the window, and the event."""


@dataclass(frozen=True)
class SchemaReport:
    """A delivery's schema, and how it differs from that of the last delivery of the event that
    had rows, in an earlier window; None where there was none."""

    schema: RecordSchema
    drift: Drift | None


def schema_reports(
    ledger: Ledger, export_id: int, receipts: Sequence[Receipt]
) -> Mapping[ReceiptKey, SchemaReport]:
    """The reports of those receipts of an export that have a schema: those with rows."""
    by_window: dict[datetime, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        if receipt.schema_hash is not None:
            by_window[receipt.window_start].append(receipt)
    found: dict[ReceiptKey, tuple[str, str | None]] = {}
    for start, of_window in by_window.items():
        before = ledger.schemas.before(export_id, start)
        for it in of_window:
            found[start, it.event] = (str(it.schema_hash), before.get(it.event))
    hashes = {hash_ for pair in found.values() for hash_ in pair if hash_ is not None}
    schemas = ledger.schemas.of(export_id, hashes)
    return {
        key: SchemaReport(
            schemas[now], None if before_ is None else drift(schemas[before_], schemas[now])
        )
        for key, (now, before_) in found.items()
    }
