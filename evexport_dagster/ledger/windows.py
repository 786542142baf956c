"""How far an export is: counts of what is delivered, window by window."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, func, or_, select, union

from .database import Database
from .lookups import IS_OPEN
from .schema import attempt, delivery, event, late
from .values import Seen


class Windows:
    """The windows of a ledger's exports, as far as they are delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delivered(
        self, export_id: int, since: datetime, events: Collection[str] | None
    ) -> dict[datetime, int]:
        """The number of events that are delivered, for each window that starts at `since` or later.

        Counted are those among `events` (all of them, for None) that belong to the window: not
        those that were seen later first, nor those that are due again.
        """
        of_delivery = and_(
            event.c.export_id == delivery.c.export_id, event.c.position == delivery.c.event
        )
        belongs = or_(
            event.c.first_window.is_(None), event.c.first_window <= delivery.c.window_start
        )
        query = (
            select(delivery.c.window_start, func.count().label("events"))
            .join(event, of_delivery)
            .where(
                delivery.c.export_id == export_id,
                delivery.c.window_start >= since,
                belongs,
                ~IS_OPEN,
            )
            .group_by(delivery.c.window_start)
        )
        if events is not None:
            query = query.where(event.c.name.in_(list(events)))
        with self._database.read() as connection:
            return {row.window_start: row.events for row in connection.execute(query)}

    def first_delivered(self, export_id: int) -> datetime | None:
        """The start of the first window that has a delivery."""
        query = select(func.min(delivery.c.window_start)).where(delivery.c.export_id == export_id)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def begun(self, export_id: int) -> set[datetime]:
        """The windows with deliveries that were begun and are not recorded, or are due again."""
        query = union(
            select(attempt.c.window_start).where(attempt.c.export_id == export_id),
            select(late.c.window_start).where(late.c.export_id == export_id, late.c.reopens),
        )
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

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
