"""What became of an export's windows, the newest first: for people who look back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import CompoundSelect, Select, and_, exists, func, select, union

from .database import Database
from .receipts import receipts_where
from .schema import attempt, delivery, event, failure
from .values import Attempt, Receipt


class Histories:
    """The past of a ledger's exports, in pages of windows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_window(self, export_id: int) -> tuple[datetime, datetime] | None:
        """Start and end of the newest window with a receipt."""
        query = (
            select(delivery.c.window_start, delivery.c.window_end)
            .where(delivery.c.export_id == export_id)
            .order_by(delivery.c.window_start.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.window_start, row.window_end)

    def was_recorded(
        self, export_id: int, since: datetime | None = None, until: datetime | None = None
    ) -> bool:
        """Whether a receipt that stands was recorded in [since, until); None leaves an end open."""
        within = [delivery.c.export_id == export_id]
        within += [delivery.c.recorded_at >= since] if since is not None else []
        within += [delivery.c.recorded_at < until] if until is not None else []
        with self._database.read() as connection:
            return bool(connection.execute(select(exists().where(and_(*within)))).scalar_one())

    def count(self, export_id: int) -> int:
        """How many windows have a receipt, an attempt or a failure."""
        query = select(func.count()).select_from(_windows(export_id).subquery())
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def windows(self, export_id: int, limit: int, offset: int = 0) -> tuple[datetime, ...]:
        """The starts of such windows, the newest first."""
        found = _windows(export_id).subquery()
        query = select(found.c.window_start).order_by(found.c.window_start.desc())
        with self._database.read() as connection:
            starts = connection.execute(query.limit(limit).offset(offset)).scalars()
            return tuple(starts)

    def receipts(self, export_id: int, starts: Collection[datetime]) -> tuple[Receipt, ...]:
        """The receipts of some windows, the newest window first, then by event."""
        places = [delivery.c.export_id == export_id, delivery.c.window_start.in_(starts)]
        with self._database.read() as connection:
            found = receipts_where(connection, places)
        return tuple(sorted(found, key=lambda it: it.window_start, reverse=True))

    def attempts(
        self, export_id: int, starts: Collection[datetime]
    ) -> Mapping[datetime, tuple[Attempt, ...]]:
        """What was begun of some windows and is not recorded, by window."""
        query = (
            select(attempt, event.c.name)
            .join(event)
            .where(attempt.c.export_id == export_id, attempt.c.window_start.in_(starts))
            .order_by(attempt.c.window_start, attempt.c.event)
        )
        found: dict[datetime, list[Attempt]] = defaultdict(list)
        with self._database.read() as connection:
            for row in connection.execute(query):
                begun = Attempt(row.name, row.revision, row.column_version, row.started_at)
                found[row.window_start].append(begun)
        return {start: tuple(attempts) for start, attempts in found.items()}


def _windows(export_id: int) -> CompoundSelect[tuple[datetime]]:
    """The start of every window that anything is known of, once."""
    starts = [
        select(table.c.window_start).where(table.c.export_id == export_id)
        for table in (attempt, failure)
    ]
    return union(_delivered(export_id), *starts)


def _delivered(export_id: int) -> Select[tuple[datetime]]:
    """The start of every window with a receipt: each is looked for in the index by the one before,
    because a window can have receipts of hundreds of events."""
    own = delivery.c.export_id == export_id
    found = (
        select(func.min(delivery.c.window_start).label("window_start"))
        .where(own)
        .cte(recursive=True)
    )
    after = select(func.min(delivery.c.window_start)).where(
        own, delivery.c.window_start > found.c.window_start
    )
    found = found.union_all(
        select(after.scalar_subquery()).where(found.c.window_start.is_not(None))
    )
    return select(found.c.window_start).where(found.c.window_start.is_not(None))
