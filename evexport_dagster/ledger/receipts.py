"""From rows to receipts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, false, select

from .schema import delivery, event, file
from .values import DeliveredFile, Receipt


def delivered_file(row: Row[Any]) -> DeliveredFile:
    return DeliveredFile(
        destination=row.destination,
        key=row.key,
        instance=row.instance,
        index=row.file_index,
        rows=row.rows,
        bytes=row.bytes,
        sha256=row.sha256,
    )


def receipts_where(
    connection: Connection, where: Sequence[ColumnElement[bool]]
) -> tuple[Receipt, ...]:
    """The receipts of some deliveries, with their files, in two queries."""
    key = (delivery.c.export_id, delivery.c.window_start, delivery.c.event)
    query = (
        select(file)
        .join(delivery)
        .where(*where, file.c.stale == false())
        .order_by(file.c.instance, file.c.file_index, file.c.key)
    )
    files: dict[tuple[datetime, int], list[DeliveredFile]] = defaultdict(list)
    for row in connection.execute(query):
        files[row.window_start, row.event].append(delivered_file(row))
    query = select(delivery, event.c.name).join(event).where(*where).order_by(*key)
    return tuple(
        _receipt(row, files.get((row.window_start, row.event), ()))
        for row in connection.execute(query)
    )


def _receipt(row: Row[Any], files: Iterable[DeliveredFile]) -> Receipt:
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
        files=tuple(files),
    )
