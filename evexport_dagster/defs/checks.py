"""Checks of what a run delivered, from its receipts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import dagster as dg

from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.defs.partitions import partition_key
from evexport_dagster.deliver import LEFT_OUT
from evexport_dagster.exports import ExportJob
from evexport_dagster.ledger import Receipt
from evexport_dagster.windows import Window

ROWS: Final = "rows_delivered_equal_rows_in_source"
COLUMNS: Final = "columns_as_locked"
_DESCRIPTIONS: Final = {
    ROWS: "Every delivery of the run has as many rows as the source had for it.",
    COLUMNS: "Events whose columns are locked were delivered with the columns of their lock.",
}
_MOST_SHOWN = 50


def check_specs(job: ExportJob) -> tuple[dg.AssetCheckSpec, ...]:
    """The checks of an export; they are made by its own runs."""
    return tuple(
        dg.AssetCheckSpec(name, asset=asset_key(job.name), description=description)
        for name, description in _DESCRIPTIONS.items()
    )


def evaluations(
    job: ExportJob, receipts: Sequence[Receipt], versions: Mapping[str, int]
) -> Iterator[dg.AssetCheckEvaluation]:
    """What the checks say of the deliveries of a run; nothing where it delivered nothing.

    `versions` are the newest ones of the events' column lists.
    """
    if not receipts:
        return
    yield _evaluation(job, ROWS, receipts, [it for it in receipts if it.rows != it.source_rows])
    locked = [it for it in receipts if _is_locked(job, it)]
    # A list that is locked never grows, once it has a name: what was delivered by an older one is
    # not as locked.
    unlike = [it for it in locked if it.column_version not in (0, versions.get(it.event))]
    yield _evaluation(job, COLUMNS, receipts, unlike, _left_out(locked))


def _is_locked(job: ExportJob, receipt: Receipt) -> bool:
    return job.spec.series.choice(receipt.event).schema_updates == "lock"


def _left_out(locked: Sequence[Receipt]) -> Mapping[str, Any]:
    """New properties of the source that locks kept out, by event: somebody may want them."""
    found: dict[str, list[str]] = {}
    for receipt in locked:
        names = receipt.oddities.get(LEFT_OUT)
        if isinstance(names, Mapping):
            found[receipt.event] = sorted(names)[:_MOST_SHOWN]
    return {"left out by locks": dict(list(found.items())[:_MOST_SHOWN])} if found else {}


def _evaluation(
    job: ExportJob,
    name: str,
    receipts: Sequence[Receipt],
    wrong: Sequence[Receipt],
    said: Mapping[str, Any] = MappingProxyType({}),
) -> dg.AssetCheckEvaluation:
    keys = [
        str(partition_key(job, Window(it.window_start, it.window_end), it.event))
        for it in wrong[:_MOST_SHOWN]
    ]
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(job.name),
        check_name=name,
        passed=not wrong,
        metadata={
            "deliveries": len(receipts),
            "rows": sum(it.rows for it in receipts),
            "rows in source": sum(it.source_rows for it in receipts),
            **said,
            **({"wrong": len(wrong), "wrong deliveries": "\n".join(keys)} if wrong else {}),
        },
    )
