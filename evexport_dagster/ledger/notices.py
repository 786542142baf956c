"""What people are to be told, and how far each of them was told: an outbox.

A notice is kept in the transaction of the fact that it tells of, so that neither is without the
other. Each receiver has a line: its oldest waiting notice goes first, and the rest wait for it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from .database import Database
from .lookups import lock_export
from .schema import notice, schema_version, sending
from .values import NewNotice, Notice, Receiver, Sending

OF_SENDING = ("channel", "address", "attempts", "next_at", "error")
WAITING = (
    select(notice, *(sending.c[name] for name in OF_SENDING))
    .join(sending, sending.c.position == notice.c.position)
    .where(sending.c.state == "waiting")
    .order_by(notice.c.position)
)


class Notices:
    """The notices of a ledger, and their sendings: one to each receiver."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewNotice) -> bool:
        """Keeps a notice for its receivers; False where one with its id is kept already."""
        with self._database.write() as connection:
            lock_export(connection, new.export_id)
            return insert_notice(connection, new)

    def of(self, export_id: int, window_start: datetime | None = None) -> tuple[Notice, ...]:
        """The notices of an export, or of one of its windows, the first one first."""
        query = select(notice).where(notice.c.export_id == export_id).order_by(notice.c.position)
        if window_start is not None:
            query = query.where(notice.c.window_start == window_start)
        with self._database.read() as connection:
            return tuple(map(_notice, connection.execute(query)))

    def lines(self) -> tuple[Receiver, ...]:
        """The receivers that something waits for, in order."""
        line = (sending.c.channel, sending.c.address)
        query = select(*line).where(sending.c.state == "waiting").distinct().order_by(*line)
        with self._database.read() as connection:
            return tuple(Receiver(row.channel, row.address) for row in connection.execute(query))

    def waiting(self, receiver: Receiver) -> tuple[Sending, ...]:
        """What a receiver was not told yet, in order."""
        with self._database.read() as connection:
            return tuple(map(_sending, connection.execute(WAITING.where(_to(receiver)))))

    def take(self, receiver: Receiver, now: datetime, until: datetime) -> Sending | None:
        """The first notice in a receiver's line, for the caller alone until that instant.

        None where there is none, or where it has to wait: for its next attempt, or for whoever
        has taken it. A caller that ends before it says `sent`, `failed` or `refused` leaves it
        to the next one. `attempts` counts this one.
        """
        line = WAITING.where(_to(receiver)).limit(1).with_for_update(of=sending)
        with self._database.write() as connection:
            row = connection.execute(line).first()
            if row is None or row.next_at > now:
                return None
            taken = {"attempts": row.attempts + 1, "next_at": until}
            connection.execute(update(sending).where(_is(row.position, receiver)).values(taken))
            return _sending(row, **taken)

    def sent(self, taken: Sending, now: datetime) -> None:
        """The receiver was told."""
        self._settle(taken, state="sent", state_at=now, error=None)

    def failed(self, taken: Sending, error: str, next_at: datetime) -> None:
        """The receiver could not be told: it is tried again, and what follows waits for it."""
        self._settle(taken, next_at=next_at, error=error)

    def refused(self, taken: Sending, error: str, now: datetime) -> None:
        """The receiver will never take it: what follows goes on without it."""
        self._settle(taken, state="refused", state_at=now, error=error)

    def _settle(self, taken: Sending, **values: object) -> None:
        """Writes how an attempt ended, unless another one ended well meanwhile."""
        same = _is(taken.notice.position, taken.receiver)
        still = update(sending).where(same, sending.c.state == "waiting")
        with self._database.write() as connection:
            connection.execute(still.values(**values))


def insert_notice(connection: Connection, new: NewNotice) -> bool:
    """Keeps a notice within the transaction of its fact, which has locked the export.

    The same id again changes nothing, and gives False.
    """
    # Positions are in the order of commits only while one transaction at a time gives them.
    connection.execute(select(schema_version.c.version).with_for_update())
    same = select(notice.c.position).where(notice.c.notice_id == new.notice_id)
    if connection.execute(same).first() is not None:
        return False
    position = 1 + (connection.execute(select(func.max(notice.c.position))).scalar_one() or 0)
    connection.execute(
        insert(notice).values(
            position=position,
            notice_id=new.notice_id,
            export_id=new.export_id,
            window_start=new.window_start,
            kind=new.kind,
            fact=json.dumps(new.fact),
            created_at=new.created_at,
        )
    )
    rows = [
        {
            "position": position,
            "channel": receiver.channel,
            "address": receiver.address,
            "state": "waiting",
            "attempts": 0,
            "next_at": new.created_at,
            "state_at": new.created_at,
        }
        for receiver in dict.fromkeys(new.receivers)
    ]
    if rows:
        connection.execute(insert(sending), rows)
    return True


def _to(receiver: Receiver) -> ColumnElement[bool]:
    return and_(sending.c.channel == receiver.channel, sending.c.address == receiver.address)


def _is(position: int, receiver: Receiver) -> ColumnElement[bool]:
    return and_(sending.c.position == position, _to(receiver))


def _notice(row: Any) -> Notice:
    return Notice(
        position=row.position,
        notice_id=row.notice_id,
        export_id=row.export_id,
        window_start=row.window_start,
        kind=row.kind,
        fact=json.loads(row.fact),
        created_at=row.created_at,
    )


def _sending(row: Any, **taken: Any) -> Sending:
    values = {"attempts": row.attempts, "next_at": row.next_at, **taken}
    return Sending(_notice(row), Receiver(row.channel, row.address), error=row.error, **values)
