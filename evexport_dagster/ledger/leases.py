"""Who delivers a window: one holder at a time, across processes and machines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from evexport_dagster.errors import BusyError, StoppedError

from .database import Database
from .lookups import lock_export
from .schema import lease
from .values import Lease

OF_WINDOW = and_(
    lease.c.export_id == bindparam("of_export_id"),
    lease.c.window_start == bindparam("of_window_start"),
)
HELD = select(lease).where(OF_WINDOW)


class Leases:
    """The leases on the windows of a ledger's exports.

    Instants come from the callers' clocks: a time to live must exceed what these may differ by.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(
        self,
        export_id: int,
        window_start: datetime,
        holder: str,
        now: datetime,
        ttl: timedelta,
    ) -> bool:
        """Whether the holder has the window now: it was free, its own, or silent for over `ttl`.

        Raises StoppedError for an export that is stopped.
        """
        with self._database.write() as connection:
            if lock_export(connection, export_id).state == "stopped":
                raise StoppedError(f"The export {export_id} is stopped: it delivers nothing more")
            held = held_lease(connection, export_id, window_start)
            since = now
            if held is not None and held.holder == holder:
                since = held.acquired_at
            elif held is not None and now - held.heartbeat_at <= ttl:
                return False
            connection.execute(delete(lease).where(OF_WINDOW), _of(export_id, window_start))
            connection.execute(
                lease.insert().values(
                    export_id=export_id,
                    window_start=window_start,
                    holder=holder,
                    acquired_at=since,
                    heartbeat_at=now,
                )
            )
            return True

    def heartbeat(self, export_id: int, window_start: datetime, holder: str, now: datetime) -> bool:
        """Says that the holder is alive; False when it must end: lease lost, or export stopped."""
        beat = update(lease).where(OF_WINDOW, lease.c.holder == holder).values(heartbeat_at=now)
        with self._database.write() as connection:
            if lock_export(connection, export_id).state == "stopped":
                return False
            return connection.execute(beat, _of(export_id, window_start)).rowcount == 1

    def release(self, export_id: int, window_start: datetime, holder: str) -> None:
        """Gives the window up; nothing happens when another holder has it by now."""
        with self._database.write() as connection:
            lock_export(connection, export_id)
            connection.execute(
                delete(lease).where(OF_WINDOW, lease.c.holder == holder),
                _of(export_id, window_start),
            )

    def holders(self, export_id: int) -> tuple[Lease, ...]:
        """The leases of an export in order of their windows, expired ones among them."""
        query = select(lease).where(lease.c.export_id == export_id).order_by(lease.c.window_start)
        with self._database.read() as connection:
            return tuple(Lease(**row) for row in connection.execute(query).mappings())


def held_lease(connection: Connection, export_id: int, window_start: datetime) -> Lease | None:
    """The lease on a window, if anybody has it."""
    row: Any = connection.execute(HELD, _of(export_id, window_start)).mappings().one_or_none()
    return None if row is None else Lease(**row)


def require_lease(
    connection: Connection, export_id: int, window_start: datetime, holder: str
) -> None:
    """Raises BusyError unless the holder has the window."""
    held = held_lease(connection, export_id, window_start)
    if held is None or held.holder != holder:
        by_now = "nobody" if held is None else held.holder
        raise BusyError(
            f"The run {holder} has lost the window {window_start.isoformat()} of the export "
            f"{export_id}, which {by_now} holds now: it must end"
        )


def _of(export_id: int, window_start: datetime) -> dict[str, Any]:
    return {"of_export_id": export_id, "of_window_start": window_start}
