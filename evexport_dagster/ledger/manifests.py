"""The manifests of windows: which there are, and which of them the receipts have outrun."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, select, true, update

from .database import Database
from .leases import require_lease
from .lookups import lock_export
from .notices import insert_notice
from .schema import manifest
from .values import Manifest, NewNotice

OF_WINDOW = and_(
    manifest.c.export_id == bindparam("of_export_id"),
    manifest.c.window_start == bindparam("of_window_start"),
)
FIND = select(manifest).where(OF_WINDOW)
OUTDATE = update(manifest).where(OF_WINDOW).values(outdated=true())
FORGET = delete(manifest).where(OF_WINDOW)


class Manifests:
    """The manifests of a ledger's exports, at most one for each window."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def expect(self, expected: Manifest, holder: str) -> None:
        """Notes, before anything is delivered, that a window is to have a manifest.

        One that it has is outdated from here on, but stays known by its key. Raises BusyError
        when the holder has lost the window.
        """
        self._put(expected, holder, None, replacing=False)

    def record(self, put: Manifest, holder: str, notice: NewNotice | None = None) -> None:
        """Notes that a manifest was put, with the notice that tells of it; raises BusyError when
        the holder has lost the window."""
        self._put(put, holder, notice, replacing=True)

    def of(self, export_id: int, window_start: datetime) -> Manifest | None:
        """The manifest of a window, where it has one or is to have one."""
        with self._database.read() as connection:
            rows = connection.execute(FIND, _of(export_id, window_start)).mappings()
            return next((Manifest(**row) for row in rows), None)

    def outdated(self, export_id: int) -> tuple[Manifest, ...]:
        """The manifests that are not there yet or say something else than the receipts, in order
        of their windows."""
        query = select(manifest).where(manifest.c.export_id == export_id, manifest.c.outdated)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(manifest.c.window_start)).mappings()
            return tuple(Manifest(**row) for row in rows)

    def removed(self, export_id: int, window_start: datetime) -> None:
        """Forgets the manifest of a window, which is no longer there."""
        with self._database.write() as connection:
            lock_export(connection, export_id)
            connection.execute(FORGET, _of(export_id, window_start))

    def _put(
        self, one: Manifest, holder: str, notice: NewNotice | None, *, replacing: bool
    ) -> None:
        place = (one.export_id, one.window_start)
        with self._database.write() as connection:
            lock_export(connection, one.export_id)
            require_lease(connection, *place, holder)
            if replacing:
                connection.execute(FORGET, _of(*place))
            elif connection.execute(OUTDATE, _of(*place)).rowcount:
                return
            connection.execute(manifest.insert().values(vars(one)))
            if notice is not None:
                insert_notice(connection, notice)


def outdate(connection: Connection, export_id: int, window_start: datetime) -> None:
    """Notes that a delivery of the window is another one than its manifest says."""
    connection.execute(OUTDATE, _of(export_id, window_start))


def _of(export_id: int, window_start: datetime) -> dict[str, object]:
    return {"of_export_id": export_id, "of_window_start": window_start}
