"""What a run gives back."""

from __future__ import annotations

from dataclasses import dataclass

from evexport_dagster.ledger import Receipt
from evexport_dagster.lifecycle import Status


@dataclass(frozen=True)
class RunResult:
    """What a run delivered, window by window."""

    export: str
    export_id: int
    revision: int
    status: Status
    receipts: tuple[Receipt, ...]
