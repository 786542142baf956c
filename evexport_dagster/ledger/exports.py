"""Exports and their revisions: what is registered, once for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select, update

from evexport_dagster.errors import RefusedError, RevisionError

from .column_types import EPOCH, MICROSECOND
from .database import Database
from .events import insert_columns, insert_event
from .lookups import lock_export
from .notices import insert_notice
from .schema import export, revision, schema_version
from .values import ExportState, NewExport, NewNotice, RegisteredExport, Revision


class Exports:
    """The registered exports of a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, exports: Sequence[NewExport], now: datetime) -> tuple[RegisteredExport, ...]:
        """Registers all of them, or none when any of their names is registered already.

        Gives those that are registered under these names afterwards, so that a caller who lost a
        race sees the winner's fingerprint. Raises RefusedError for the name of a stopped export.
        """
        names = [new.name for new in exports]
        with self._database.write() as connection:
            # There is no row of an export to lock yet: all creations wait for this one.
            connection.execute(select(schema_version.c.version).with_for_update())
            registered = _by_name(connection, names)
            for known in registered.values():
                _refuse_stopped(known)
            if not registered:
                for new in exports:
                    _insert(connection, new, now)
                registered = _by_name(connection, names)
        return tuple(registered[name] for name in names if name in registered)

    def get(self, name: str) -> RegisteredExport | None:
        with self._database.read() as connection:
            return _by_name(connection, [name]).get(name)

    def registered(self) -> tuple[RegisteredExport, ...]:
        """Every export, in order of creation."""
        with self._database.read() as connection:
            rows = connection.execute(_newest().order_by(export.c.export_id))
            return tuple(map(_registered, rows))

    def revisions(self, export_id: int) -> tuple[Revision, ...]:
        """Every revision of an export, the first one first."""
        query = select(revision).where(revision.c.export_id == export_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(revision.c.number)).mappings()
            return tuple(map(_revision, rows))

    def add_revision(
        self, name: str, meaning: str, fingerprint: str, expected_number: int, now: datetime
    ) -> Revision:
        """The next revision, if `expected_number` is still the newest one.

        A fingerprint that is the newest one's already gives that one. Raises RevisionError when
        another revision came first, RefusedError for an export that is not active.
        """
        with self._database.write() as connection:
            current = _locked(connection, name)
            if current.state != "active":
                raise RefusedError(f"The export {name} is {current.state}: it cannot be edited")
            if current.revision.fingerprint == fingerprint:
                return current.revision
            if current.revision.number != expected_number:
                raise RevisionError(
                    f"The export {name} has revision {current.revision.number} by now, not "
                    f"{expected_number}: look at the difference again"
                )
            return _insert_revision(
                connection, current.export_id, expected_number + 1, meaning, fingerprint, now
            )

    def set_state(
        self, name: str, state: ExportState, now: datetime, notice: NewNotice | None = None
    ) -> RegisteredExport:
        """Stops an export or calls an active one done, with the notice of it; both are for ever,
        but that one that is done can be stopped.

        The state that it has already is no change. Raises RefusedError for any other change, and
        for a recurring export that is called done.
        """
        with self._database.write() as connection:
            current = _locked(connection, name)
            if put_state(connection, current.export_id, state, now) and notice is not None:
                insert_notice(connection, notice)
            return _by_name(connection, [name])[name]


def put_state(connection: Connection, export_id: int, state: ExportState, now: datetime) -> bool:
    """Puts an export into a state, within a transaction; whether it was in another one."""
    current = lock_export(connection, export_id)
    if current.state == state:
        return False
    if current.state != "active" and state != "stopped":
        raise RefusedError(f"The export {current.name} is {current.state} for ever, not {state}")
    if state == "done" and current.kind == "recurring":
        raise RefusedError(f"The export {current.name} is recurring: it is never done")
    own = export.c.export_id == export_id
    connection.execute(update(export).where(own).values(state=state, state_at=now))
    return True


def _newest() -> Select[Any]:
    """Every export with its newest revision."""
    numbers = (
        select(revision.c.export_id, func.max(revision.c.number).label("number"))
        .group_by(revision.c.export_id)
        .subquery()
    )
    is_newest = and_(
        revision.c.export_id == numbers.c.export_id, revision.c.number == numbers.c.number
    )
    return select(
        export,
        revision.c.number,
        revision.c.meaning,
        revision.c.fingerprint,
        revision.c.created_at.label("revised_at"),
    ).select_from(
        export.join(numbers, export.c.export_id == numbers.c.export_id).join(revision, is_newest)
    )


def _by_name(connection: Connection, names: Sequence[str]) -> dict[str, RegisteredExport]:
    rows = connection.execute(_newest().where(export.c.name.in_(names)))
    return {row.name: _registered(row) for row in rows}


def _registered(row: Row[Any]) -> RegisteredExport:
    return RegisteredExport(
        name=row.name,
        export_id=row.export_id,
        type=row.type,
        kind=row.kind,
        state=row.state,
        state_at=row.state_at,
        created_at=row.created_at,
        revision=Revision(row.number, row.meaning, row.fingerprint, row.revised_at),
    )


def _revision(row: Mapping[Any, Any]) -> Revision:
    return Revision(row["number"], row["meaning"], row["fingerprint"], row["created_at"])


def _refuse_stopped(registered: RegisteredExport) -> None:
    if registered.state == "stopped":
        raise RefusedError(
            f"The name {registered.name} belonged to an export that is stopped (export id "
            f"{registered.export_id}): choose another name"
        )


def _locked(connection: Connection, name: str) -> RegisteredExport:
    """What is registered under a name, its row locked before its revision is read."""
    query = select(export.c.export_id).where(export.c.name == name)
    export_id = connection.execute(query).scalar_one_or_none()
    if export_id is None:
        raise RefusedError(f"No export is registered under the name {name}")
    lock_export(connection, export_id)
    return _by_name(connection, [name])[name]


def _insert(connection: Connection, new: NewExport, now: datetime) -> None:
    export_id = _free_id(connection, now)
    connection.execute(
        export.insert().values(
            export_id=export_id,
            name=new.name,
            type=new.type,
            kind=new.kind,
            state="active",
            state_at=now,
            created_at=now,
        )
    )
    _insert_revision(connection, export_id, 1, new.meaning, new.fingerprint, now)
    for position, (name, segment) in enumerate(new.events):
        names = tuple(dict.fromkeys(new.columns.get(name, ())))
        insert_event(
            connection,
            export_id=export_id,
            position=position,
            name=name,
            segment=segment,
            first_window=None,
            first_seen_at=now,
            columns_at_creation=len(names),
        )
        insert_columns(connection, export_id, position, names, after=0, version=1)


def _free_id(connection: Connection, now: datetime) -> int:
    """The epoch second of now, or the next one that no export has."""
    second = (now - EPOCH) // (MICROSECOND * 1_000_000)
    query = select(export.c.export_id).where(export.c.export_id >= second)
    taken = set(connection.execute(query).scalars())
    return next(number for number in count(second) if number not in taken)


def _insert_revision(
    connection: Connection,
    export_id: int,
    number: int,
    meaning: str,
    fingerprint: str,
    now: datetime,
) -> Revision:
    row = {"number": number, "meaning": meaning, "fingerprint": fingerprint, "created_at": now}
    connection.execute(revision.insert().values(export_id=export_id, **row))
    return _revision(row)
