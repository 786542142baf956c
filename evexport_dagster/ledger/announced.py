"""The objects that runs were about to put: what a run that broke off left is known by them.

Its retry replaces them, but for those that have other names by then: of another revision, or of
rows that are gone from the source.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, select

from .database import Database
from .leases import require_lease
from .lookups import PLACE, event_positions, lock_export
from .schema import announced, file

_OF_DELIVERY = and_(*(announced.c[name] == bindparam(f"of_{name}") for name in PLACE))
_FIND = select(announced.c.destination, announced.c.key).where(_OF_DELIVERY)
_FORGET = delete(announced).where(_OF_DELIVERY)

Place = tuple[int, datetime, int]


class Announced:
    """What the runs of a ledger's exports were about to put, until a receipt has it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        export_id: int,
        window_start: datetime,
        holder: str,
        destination: str,
        keys: Mapping[str, Collection[str]],
    ) -> None:
        """Notes the keys of some events before anything is put there. Raises BusyError when the
        holder has lost the window."""
        with self._database.write() as connection:
            lock_export(connection, export_id)
            require_lease(connection, export_id, window_start, holder)
            positions = event_positions(connection, export_id)
            own = and_(
                announced.c.export_id == export_id,
                announced.c.window_start == window_start,
                announced.c.destination == destination,
            )
            query = select(announced.c.event, announced.c.key).where(own)
            known = {(row.event, row.key) for row in connection.execute(query)}
            wanted = {(positions[event], key) for event, its in keys.items() for key in its}
            rows = [
                {
                    "export_id": export_id,
                    "window_start": window_start,
                    "event": position,
                    "destination": destination,
                    "key": key,
                }
                for position, key in sorted(wanted - known)
            ]
            if rows:
                connection.execute(insert(announced), rows)


def adopt(connection: Connection, place: Place, new: Collection[tuple[str, str]]) -> None:
    """Forgets what was announced for a delivery that is recorded now; what of it is not among the
    `new` files, (destination, key), and is nobody else's, becomes a file of it that is stale."""
    of_place = {f"of_{name}": value for name, value in zip(PLACE, place, strict=True)}
    found = {(row.destination, row.key) for row in connection.execute(_FIND, of_place)}
    if not found:
        return
    connection.execute(_FORGET, of_place)
    rows = [
        {
            **dict(zip(PLACE, place, strict=True)),
            "destination": destination,
            "key": key,
            "instance": 0,
            "file_index": 0,
            "rows": 0,
            "bytes": 0,
            "sha256": "",
            "stale": True,
        }
        for destination, key in sorted(found.difference(new))
        if not connection.execute(select(file.c.key).where(_is(destination, key))).first()
    ]
    if rows:
        connection.execute(insert(file), rows)


def _is(destination: str, key: str) -> ColumnElement[bool]:
    return and_(file.c.destination == destination, file.c.key == key)
