"""The states of an export, as people are shown them (product contract, section 9); pure."""

from __future__ import annotations

from typing import Literal

from evexport_dagster.ledger import ExportState

Status = Literal["Pending", "Running", "Stopped", "Done"]


def status_of(state: ExportState, *, running: bool) -> Status:
    """The status of a registered export; `running` tells that a run holds one of its windows."""
    if state == "stopped":
        return "Stopped"
    if running:
        return "Running"
    return "Done" if state == "done" else "Pending"
