"""From rows to receipts, and back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, false, func, select

from .schema import delivery, event, file
from .values import DeliveredFile, Receipt, Totals


def delivered_file(row: Row[Any]) -> DeliveredFile:
    """The file that a row of the table `file` stands for."""
    return DeliveredFile(
        destination=row.destination,
        key=row.key,
        instance=row.instance,
        index=row.file_index,
        rows=row.rows,
        bytes=row.bytes,
        sha256=row.sha256,
    )


def file_values(one: DeliveredFile) -> dict[str, object]:
    """The columns of a file that its delivery has now, but for those that name the delivery."""
    return {
        "destination": one.destination,
        "key": one.key,
        "instance": one.instance,
        "file_index": one.index,
        "rows": one.rows,
        "bytes": one.bytes,
        "sha256": one.sha256,
        "stale": False,
    }


def delivery_values(receipt: Receipt) -> dict[str, object]:
    """The columns of a delivery that is not shown yet, but for those that name it."""
    return {
        "window_end": receipt.window_end,
        "revision": receipt.revision,
        "column_version": receipt.column_version,
        "rows": receipt.rows,
        "source_rows": receipt.source_rows,
        "first_event_time": receipt.first_event_time,
        "last_event_time": receipt.last_event_time,
        "watermark": receipt.watermark,
        "oddities": json.dumps(receipt.oddities),
        "run_id": receipt.run_id,
        "recorded_at": receipt.recorded_at,
        "displayed": False,
        "schema_hash": receipt.schema_hash,
    }


def totals_of(receipts: Collection[Receipt]) -> Totals:
    """How much some receipts stand for."""
    files = [file for receipt in receipts for file in receipt.files]
    return Totals(
        windows=len({receipt.window_start for receipt in receipts}),
        events=len({receipt.event for receipt in receipts}),
        rows=sum(receipt.rows for receipt in receipts),
        files=len(files),
        bytes=sum(file.bytes for file in files),
    )


def totals_in(connection: Connection, export_id: int) -> Totals:
    """How much an export has delivered, as the tables have it."""
    deliveries = select(
        func.count(delivery.c.window_start.distinct()),
        func.count(delivery.c.event.distinct()),
        func.coalesce(func.sum(delivery.c.rows), 0),
    ).where(delivery.c.export_id == export_id)
    files = select(func.count(), func.coalesce(func.sum(file.c.bytes), 0)).where(
        file.c.export_id == export_id, file.c.stale == false()
    )
    return Totals(
        *map(int, (*connection.execute(deliveries).one(), *connection.execute(files).one()))
    )


def receipts_where(
    connection: Connection, where: Sequence[ColumnElement[bool]]
) -> tuple[Receipt, ...]:
    """The receipts of some deliveries, with their files, in two queries."""
    key = (delivery.c.export_id, delivery.c.window_start, delivery.c.event)
    query = (
        select(file)
        .join(delivery)
        .where(*where)
        .order_by(file.c.instance, file.c.file_index, file.c.key)
    )
    files: dict[tuple[datetime, int], list[DeliveredFile]] = defaultdict(list)
    stale: dict[tuple[datetime, int], list[DeliveredFile]] = defaultdict(list)
    for row in connection.execute(query):
        of_kind = stale if row.stale else files
        of_kind[row.window_start, row.event].append(delivered_file(row))
    query = select(delivery, event.c.name).join(event).where(*where).order_by(*key)
    return tuple(
        _receipt(
            row,
            files.get((row.window_start, row.event), ()),
            stale.get((row.window_start, row.event), ()),
        )
        for row in connection.execute(query)
    )


def _receipt(
    row: Row[Any], files: Iterable[DeliveredFile], stale: Iterable[DeliveredFile]
) -> Receipt:
    return Receipt(
        export_id=row.export_id,
        window_start=row.window_start,
        window_end=row.window_end,
        event=row.name,
        revision=row.revision,
        column_version=row.column_version,
        rows=row.rows,
        source_rows=row.source_rows,
        run_id=row.run_id,
        recorded_at=row.recorded_at,
        first_event_time=row.first_event_time,
        last_event_time=row.last_event_time,
        watermark=row.watermark,
        oddities=json.loads(row.oddities),
        schema_hash=row.schema_hash,
        files=tuple(files),
        stale=tuple(stale),
    )
