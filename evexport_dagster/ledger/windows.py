"""How far an export is: counts of what is delivered, window by window."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select

from .database import Database
from .schema import attempt, delivery, event

PLACE = ("export_id", "window_start", "event")


class Windows:
    """The windows of a ledger's exports, as far as they are delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delivered(
        self, export_id: int, since: datetime, events: Collection[str] | None
    ) -> dict[datetime, int]:
        """The number of events that are delivered, for each window that starts at `since` or later.

        Counted are those among `events` (all of them, for None) that belong to the window: not
        those that were seen later first, nor those that were begun again.
        """
        of_delivery = and_(
            event.c.export_id == delivery.c.export_id, event.c.position == delivery.c.event
        )
        belongs = or_(
            event.c.first_window.is_(None), event.c.first_window <= delivery.c.window_start
        )
        begun = exists().where(*(attempt.c[name] == delivery.c[name] for name in PLACE))
        query = (
            select(delivery.c.window_start, func.count().label("events"))
            .join(event, of_delivery)
            .where(
                delivery.c.export_id == export_id,
                delivery.c.window_start >= since,
                belongs,
                ~begun,
            )
            .group_by(delivery.c.window_start)
        )
        if events is not None:
            query = query.where(event.c.name.in_(list(events)))
        with self._database.read() as connection:
            return {row.window_start: row.events for row in connection.execute(query)}

    def begun(self, export_id: int) -> set[datetime]:
        """The windows with deliveries that were begun and are not recorded."""
        query = select(attempt.c.window_start).where(attempt.c.export_id == export_id).distinct()
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())
