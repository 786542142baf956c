"""Rows that came after their window was delivered: noticed, until the window is delivered again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select

from .database import Database
from .lookups import event_positions, lock_export
from .schema import event, late
from .values import Late

OF_DELIVERY = and_(
    *(late.c[name] == bindparam(f"of_{name}") for name in ("export_id", "window_start", "event"))
)
FORGET = delete(late).where(OF_DELIVERY)


class LateRows:
    """The late rows of a ledger's exports that no receipt counts yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, export_id: int, found: Iterable[Late]) -> None:
        """Keeps late rows, those of one window and event in the place of what was noticed before.

        A delivery that `reopens` counts as begun again until its next receipt. Raises KeyError for
        an event that is not registered.
        """
        with self._database.write() as connection:
            lock_export(connection, export_id)
            positions = event_positions(connection, export_id)
            for it in found:
                place = (export_id, it.window_start, positions[it.event])
                connection.execute(FORGET, _of(place))
                connection.execute(
                    late.insert().values(
                        export_id=export_id,
                        window_start=it.window_start,
                        event=place[2],
                        rows=it.rows,
                        noticed_at=it.noticed_at,
                        reopens=it.reopens,
                    )
                )

    def of(self, export_id: int, window_start: datetime | None = None) -> tuple[Late, ...]:
        """What was noticed of an export, or of one of its windows, in order of windows."""
        query = (
            select(late, event.c.name)
            .join(event)
            .where(late.c.export_id == export_id)
            .order_by(late.c.window_start, late.c.event)
        )
        if window_start is not None:
            query = query.where(late.c.window_start == window_start)
        with self._database.read() as connection:
            return tuple(
                Late(row.window_start, row.name, row.rows, row.noticed_at, row.reopens)
                for row in connection.execute(query)
            )


def forget_late(connection: Connection, place: tuple[int, datetime, int]) -> None:
    """A new receipt, of (export, window, event's position), counts what had come late."""
    connection.execute(FORGET, _of(place))


def _of(place: tuple[int, datetime, int]) -> dict[str, Any]:
    return dict(zip(("of_export_id", "of_window_start", "of_event"), place, strict=True))
