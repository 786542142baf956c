"""The events of an export and their columns: first come, kept for ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from sys import maxsize
from typing import Any

from sqlalchemy import Connection, select, update

from evexport_dagster.errors import BugError

from .database import Database
from .lookups import lock_export
from .schema import column, digest, event
from .values import ColumnList, Event

Assign = Callable[[str, Collection[str]], str]


class Events:
    """The events of every export of a ledger, and the lists of their properties."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(
        self,
        export_id: int,
        seen: Iterable[tuple[str, datetime | None]],
        assign: Assign,
        now: datetime,
    ) -> tuple[Event, ...]:
        """The events of these (name, first window), in this order; new ones get their place, and
        known ones that came later so far belong to this window too.

        `assign(name, taken)` gives the path segment of a new event, unlike every one of `taken`
        when case is ignored. It is called inside a transaction that may be given up, and must
        depend on its arguments alone. Raises BugError when it gives a segment that is taken.
        """
        asked = list(seen)
        with self._database.write() as connection:
            lock_export(connection, export_id)
            known = _events(connection, export_id)
            taken = [registered.segment for registered in known.values()]
            for name, first_window in asked:
                if name in known:
                    _see_earlier(connection, export_id, known[name], first_window)
                    continue
                segment = assign(name, tuple(taken))
                if segment.lower() in map(str.lower, taken):
                    raise BugError(f"The path segment {segment} belongs to another event already")
                known[name] = Event(name, segment, len(known), first_window, now)
                insert_event(
                    connection, export_id=export_id, columns_at_creation=0, **vars(known[name])
                )
                taken.append(segment)
            known = _events(connection, export_id)
        return tuple(known[name] for name, _ in asked)

    def of(self, export_id: int) -> tuple[Event, ...]:
        """Every event of an export, in the order in which they were first seen."""
        with self._database.read() as connection:
            return tuple(_events(connection, export_id).values())

    def append_columns(
        self, export_id: int, additions: Mapping[str, Sequence[str]]
    ) -> dict[str, ColumnList]:
        """Adds the names that each event's list lacks at its end, as its next version.

        A list that lacks nothing keeps its version. Raises BugError for an event that is not
        registered.
        """
        with self._database.write() as connection:
            lock_export(connection, export_id)
            known = _columns(connection, export_id)
            return {
                name: _extended(connection, export_id, _of(known, name), names)
                for name, names in additions.items()
            }

    def columns(
        self, export_id: int, versions: Mapping[str, int] | None = None
    ) -> dict[str, ColumnList]:
        """The newest list of every event, or of these events in these versions, by event name."""
        with self._database.read() as connection:
            known = _columns(connection, export_id, versions)
        wanted = known if versions is None else versions
        return {name: _of(known, name)[1] for name in wanted}


def _see_earlier(
    connection: Connection, export_id: int, known: Event, first_window: datetime | None
) -> None:
    """An event belongs to a window before the one in which it was first seen."""
    if known.first_window is None or first_window is None or first_window >= known.first_window:
        return
    own = (event.c.export_id == export_id, event.c.position == known.position)
    connection.execute(update(event).where(*own).values(first_window=first_window))


def insert_event(connection: Connection, *, name: str, **values: Any) -> None:
    """Adds an event to an export that the transaction has locked."""
    connection.execute(event.insert().values(name=name, digest=digest(name), **values))


def insert_columns(
    connection: Connection,
    export_id: int,
    position: int,
    names: Sequence[str],
    *,
    after: int,
    version: int,
) -> None:
    """Puts names behind the first `after` ones of the event at a position."""
    rows = [
        {
            "export_id": export_id,
            "event": position,
            "position": place,
            "name": name,
            "digest": digest(name),
            "version": version,
        }
        for place, name in enumerate(names, after)
    ]
    if rows:
        connection.execute(column.insert(), rows)


def _events(connection: Connection, export_id: int) -> dict[str, Event]:
    query = select(event).where(event.c.export_id == export_id).order_by(event.c.position)
    return {
        row.name: Event(row.name, row.segment, row.position, row.first_window, row.first_seen_at)
        for row in connection.execute(query)
    }


_Known = Mapping[str, tuple[int, ColumnList]]


def _columns(
    connection: Connection, export_id: int, versions: Mapping[str, int] | None = None
) -> dict[str, tuple[int, ColumnList]]:
    """The list of every event, in these versions where they are given, with its position."""
    registered = (
        select(event.c.position, event.c.name, event.c.columns_at_creation)
        .where(event.c.export_id == export_id)
        .order_by(event.c.position)
    )
    query = (
        select(column.c.event, column.c.name, column.c.version)
        .where(column.c.export_id == export_id)
        .order_by(column.c.event, column.c.position)
    )
    rows: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for position, name, version in connection.execute(query):
        rows[position].append((name, version))
    limits = versions or {}
    return {
        name: (position, _list(name, rows[position], limits.get(name, maxsize), at_creation))
        for position, name, at_creation in connection.execute(registered)
    }


def _list(name: str, rows: Iterable[tuple[str, int]], limit: int, at_creation: int) -> ColumnList:
    kept = [(column_name, version) for column_name, version in rows if version <= limit]
    return ColumnList(
        event=name,
        version=max((version for _, version in kept), default=0),
        names=tuple(column_name for column_name, _ in kept),
        at_creation=min(at_creation, len(kept)),
    )


def _of(known: _Known, name: str) -> tuple[int, ColumnList]:
    if name not in known:
        raise BugError(f"The event {name!r} is not registered")
    return known[name]


def _extended(
    connection: Connection, export_id: int, known: tuple[int, ColumnList], names: Sequence[str]
) -> ColumnList:
    position, current = known
    have = set(current.names)
    new = tuple(name for name in dict.fromkeys(names) if name not in have)
    if not new:
        return current
    version = current.version + 1
    insert_columns(connection, export_id, position, new, after=len(current.names), version=version)
    return ColumnList(current.event, version, (*current.names, *new), current.at_creation)
