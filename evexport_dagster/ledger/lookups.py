"""Rows that several of the ledger's rooms begin with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, bindparam, exists, func, or_, select

from evexport_dagster.errors import BugError, RefusedError

from .schema import attempt, column, delivery, digest, event, export, late

# Far below what SQLite (32,766) and Postgres (65,535) take as parameters of one query.
BATCH = 10_000

_Value = TypeVar("_Value", str, datetime)

PLACE = ("export_id", "window_start", "event")
"""What names a delivery in several tables."""

IS_OPEN: ColumnElement[bool] = or_(
    exists().where(*(attempt.c[name] == delivery.c[name] for name in PLACE)),
    exists().where(*(late.c[name] == delivery.c[name] for name in PLACE), late.c.reopens),
)
"""A delivery that was begun again, or is due again, although it has a receipt."""

LOCK = (
    select(export)
    .where(export.c.export_id == bindparam("of_export_id"))
    .with_for_update(key_share=True)
)
POSITION = select(event.c.position).where(
    event.c.export_id == bindparam("of_export_id"), event.c.digest == bindparam("of_digest")
)


def lock_export(connection: Connection, export_id: int) -> Row[Any]:
    """The row of an export; until the transaction ends no other one of this export writes.

    Every writing transaction takes this lock first, so that two of them cannot deadlock.
    """
    row = connection.execute(LOCK, {"of_export_id": export_id}).one_or_none()
    if row is None:
        raise RefusedError(f"No export is registered with the id {export_id}")
    return row


def event_position(connection: Connection, export_id: int, name: str) -> int:
    """The position of an event of an export; raises BugError where it is not registered."""
    asked = {"of_export_id": export_id, "of_digest": digest(name)}
    position = connection.execute(POSITION, asked).scalar_one_or_none()
    if position is None:
        raise BugError(f"The event {name!r} is not registered for the export {export_id}")
    return int(position)


def event_positions(connection: Connection, export_id: int) -> dict[str, int]:
    """The position of every event of an export, by its name, in order."""
    query = select(event.c.name, event.c.position).where(event.c.export_id == export_id)
    rows = connection.execute(query.order_by(event.c.position))
    return {row.name: row.position for row in rows}


def column_versions(connection: Connection, export_id: int) -> dict[int, int]:
    """The newest version of every event's column list, by the event's position."""
    query = (
        select(column.c.event, func.max(column.c.version).label("version"))
        .where(column.c.export_id == export_id)
        .group_by(column.c.event)
    )
    return {row.event: row.version for row in connection.execute(query)}


def batches(values: Collection[_Value]) -> Iterable[Sequence[_Value]]:
    """The values, sorted and each of them once, in parts that one query takes."""
    every = sorted(set(values))
    return (every[first : first + BATCH] for first in range(0, len(every), BATCH))
