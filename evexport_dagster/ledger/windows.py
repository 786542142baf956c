"""How far an export is: counts of what is delivered, window by window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    union,
)

from .database import Database
from .lookups import IS_OPEN, batches
from .schema import attempt, delivery, event, late
from .values import Seen

_OF_DELIVERY = and_(event.c.export_id == delivery.c.export_id, event.c.position == delivery.c.event)
_COUNTS = select(delivery.c.window_start, func.count().label("events")).group_by(
    delivery.c.window_start
)


class Windows:
    """The windows of a ledger's exports, as far as they are delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delivered(
        self,
        export_id: int,
        since: datetime,
        events: Collection[str] | None,
        before: Collection[datetime] = (),
    ) -> Counter[datetime]:
        """The number of events that are delivered, for each window that starts at `since` or later,
        and for those that start at one of `before`.

        Counted are those among `events` (all of them, for None) that belong to the window: not
        those that were seen later first, nor those that are due again.
        """
        own, start = delivery.c.export_id == export_id, delivery.c.window_start
        chosen = event.c.export_id == export_id
        if events is not None:
            chosen &= event.c.name.in_(list(events))
        asked = [start >= since, *map(start.in_, batches(before))]
        counts = Counter[datetime]()
        with self._database.read() as connection:
            for where in (and_(own, it) for it in asked):
                counts += _since_creation(connection, export_id, where, chosen)
                counts += _joined_later(connection, where, chosen)
            for some in batches(_begun(connection, export_id) & counts.keys()):
                counts -= _open(connection, and_(own, start.in_(some)), chosen)
        return counts

    def first_delivered(self, export_id: int) -> datetime | None:
        """The start of the first window that has a delivery."""
        query = select(func.min(delivery.c.window_start)).where(delivery.c.export_id == export_id)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def begun(self, export_id: int) -> set[datetime]:
        """The windows with deliveries that were begun and are not recorded, or are due again."""
        with self._database.read() as connection:
            return _begun(connection, export_id)

    def seen(
        self, export_id: int, first: datetime, last: datetime
    ) -> dict[tuple[datetime, str], Seen]:
        """What the receipts of the windows that start in [first, last] say of the source, by
        (window start, event); not of those that are begun, or due, again."""
        query = select(
            delivery.c.window_start, event.c.name, delivery.c.source_rows, delivery.c.watermark
        ).join(event)
        query = query.where(
            delivery.c.export_id == export_id,
            delivery.c.window_start.between(first, last),
            ~IS_OPEN,
        )
        with self._database.read() as connection:
            return {
                (row.window_start, row.name): Seen(row.source_rows, row.watermark)
                for row in connection.execute(query)
            }


def _begun(connection: Connection, export_id: int) -> set[datetime]:
    query = union(
        select(attempt.c.window_start).where(attempt.c.export_id == export_id),
        select(late.c.window_start).where(late.c.export_id == export_id, late.c.reopens),
    )
    return set(connection.execute(query).scalars())


_Where = ColumnElement[bool]


def _since_creation(
    connection: Connection, export_id: int, where: _Where, chosen: _Where
) -> Counter[datetime]:
    """Deliveries of the events that belong to every window: millions, counted in an index alone."""
    always = and_(chosen, event.c.first_window.is_(None))
    query = _COUNTS.where(where)
    if _is_any(connection, and_(event.c.export_id == export_id, not_(always))):
        query = query.where(delivery.c.event.in_(select(event.c.position).where(always)))
    return _counted(connection, query)


def _joined_later(connection: Connection, where: _Where, chosen: _Where) -> Counter[datetime]:
    """Deliveries of the events that were first seen in one of their windows or before."""
    later = and_(chosen, event.c.first_window.is_not(None))
    if not _is_any(connection, later):
        return Counter()
    query = _COUNTS.join(event, _OF_DELIVERY)
    return _counted(
        connection, query.where(where, later, event.c.first_window <= delivery.c.window_start)
    )


def _open(connection: Connection, where: _Where, chosen: _Where) -> Counter[datetime]:
    """Deliveries that count, but for their being due again."""
    first = event.c.first_window
    belongs = or_(first.is_(None), first <= delivery.c.window_start)
    query = _COUNTS.join(event, _OF_DELIVERY)
    return _counted(connection, query.where(where, chosen, belongs, IS_OPEN))


def _counted(connection: Connection, query: Select[tuple[datetime, int]]) -> Counter[datetime]:
    return Counter({row.window_start: row.events for row in connection.execute(query)})


def _is_any(connection: Connection, where: _Where) -> bool:
    return bool(connection.execute(select(exists().where(where))).scalar_one())
