"""What was begun and what went wrong: the facts that a retry starts from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from evexport_dagster.errors import BugError

from .database import Database
from .leases import require_lease
from .lookups import column_versions, event_positions, lock_export
from .schema import attempt, event, failure
from .values import Attempt, Failure, NewFailure


class Attempts:
    """Deliveries that were begun and are not recorded yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        export_id: int,
        window_start: datetime,
        events: Collection[str],
        revision: int,
        holder: str,
        now: datetime,
    ) -> dict[str, Attempt]:
        """The attempt of each event: the one that is pending, else a new one with the newest
        column version.

        An attempt of another revision is begun anew, because its retry would deliver something
        else. Raises BusyError when the holder has lost the window, BugError for an event that is
        not registered.
        """
        with self._database.write() as connection:
            lock_export(connection, export_id)
            require_lease(connection, export_id, window_start, holder)
            pending = _pending(connection, export_id, window_start, revision)
            new = [name for name in dict.fromkeys(events) if name not in pending]
            if new:
                pending |= _begun(connection, export_id, window_start, new, revision, now)
        return {name: pending[name] for name in events}

    def pending(self, export_id: int, window_start: datetime, revision: int) -> dict[str, Attempt]:
        """What was begun of a window by this revision, and is not recorded."""
        with self._database.read() as connection:
            return _pending(connection, export_id, window_start, revision)


def _pending(
    connection: Connection, export_id: int, window_start: datetime, revision: int
) -> dict[str, Attempt]:
    query = (
        select(attempt, event.c.name)
        .join(event)
        .where(
            attempt.c.export_id == export_id,
            attempt.c.window_start == window_start,
            attempt.c.revision == revision,
        )
    )
    return {
        row.name: Attempt(row.name, revision, row.column_version, row.started_at)
        for row in connection.execute(query)
    }


def _begun(
    connection: Connection,
    export_id: int,
    window_start: datetime,
    names: Sequence[str],
    revision: int,
    now: datetime,
) -> dict[str, Attempt]:
    """New attempts in the place of those that another revision left behind in this window."""
    positions = event_positions(connection, export_id)
    versions = column_versions(connection, export_id)
    unknown = [name for name in names if name not in positions]
    if unknown:
        raise BugError(f"Not registered for the export {export_id}: the events {unknown}")
    begun = {name: Attempt(name, revision, versions.get(positions[name], 0), now) for name in names}
    connection.execute(
        delete(attempt).where(
            attempt.c.export_id == export_id,
            attempt.c.window_start == window_start,
            attempt.c.revision != revision,
        )
    )
    rows = [
        {
            "export_id": export_id,
            "window_start": window_start,
            "event": positions[name],
            "revision": revision,
            "column_version": made.column_version,
            "started_at": made.started_at,
        }
        for name, made in begun.items()
    ]
    connection.execute(attempt.insert(), rows)
    return begun


class Failures:
    """What went wrong since each window last succeeded; `troubles` says how that is recorded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, export_id: int) -> tuple[Failure, ...]:
        """Every failure that stands, the last one first."""
        with self._database.read() as connection:
            return standing_failures(connection, export_id)


def standing_failures(connection: Connection, export_id: int) -> tuple[Failure, ...]:
    """Every failure of an export that stands, the last one first."""
    query = (
        select(failure)
        .where(failure.c.export_id == export_id)
        .order_by(failure.c.last_at.desc(), failure.c.window_start, failure.c.kind)
    )
    return tuple(Failure(**row) for row in connection.execute(query).mappings())


def record_failure(connection: Connection, export_id: int, new: NewFailure) -> Failure:
    """Counts one more failure of a window; each kind keeps when it first came."""
    same = and_(_of_window(export_id, new.window_start), failure.c.kind == new.kind)
    latest = {"message": new.message, "run_id": new.run_id, "last_at": new.at}
    again = update(failure).where(same).values(count=failure.c.count + 1, **latest)
    if not connection.execute(again).rowcount:
        place = {"export_id": export_id, "window_start": new.window_start, "kind": new.kind}
        connection.execute(failure.insert().values(**place, first_at=new.at, count=1, **latest))
    return Failure(**connection.execute(select(failure).where(same)).mappings().one())


def forget_failures(connection: Connection, export_id: int, window_start: datetime) -> None:
    """Forgets the failures of a window, which has succeeded."""
    connection.execute(delete(failure).where(_of_window(export_id, window_start)))


def _of_window(export_id: int, window_start: datetime) -> ColumnElement[bool]:
    return and_(failure.c.export_id == export_id, failure.c.window_start == window_start)
