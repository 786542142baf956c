"""What exports have trouble with, and what was told of it: the facts and the notices at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast, get_args

from sqlalchemy import Connection, delete, select

from evexport_dagster.errors import Kind

from .attempts import forget_failures, record_failure, standing_failures
from .database import Database
from .exports import put_state
from .lookups import lock_export
from .notices import insert_notice
from .schema import trouble
from .values import Failure, NewFailure, NewNotice, Trouble


@dataclass(frozen=True)
class Outcome:
    """What a fact makes of a trouble, and the notices that tell it; `stopped_at` where the export
    is stopped by it."""

    trouble: Trouble | None
    notices: Sequence[NewNotice] = ()
    stopped_at: datetime | None = None


Step = Callable[[Trouble | None, Sequence[Failure]], Outcome]
"""What a fact makes of a trouble, given the failures that stand, the last one first."""


class Troubles:
    """The troubles of a ledger's exports: at most one for each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, export_id: int) -> Trouble | None:
        """What an export has trouble with; None where it works."""
        with self._database.read() as connection:
            return _trouble(connection, export_id)

    def failed(self, export_id: int, new: NewFailure, step: Step) -> Failure:
        """Records a failure, and all that `advance` does; gives the failure as it stands."""
        with self._database.write() as connection:
            lock_export(connection, export_id)
            recorded = record_failure(connection, export_id, new)
            _advance(connection, export_id, step, [recorded])
            return recorded

    def succeeded(self, export_id: int, window_start: datetime, step: Step) -> None:
        """Does what `advance` does, and forgets the failures of the window that has succeeded."""
        with self._database.write() as connection:
            lock_export(connection, export_id)
            _advance(connection, export_id, step, standing_failures(connection, export_id))
            forget_failures(connection, export_id, window_start)

    def advance(self, export_id: int, step: Step) -> None:
        """Puts what `step` makes of the present trouble in its place, keeps its notices, and stops
        the export if it says so: all at once, and with no other step of the export in between."""
        with self._database.write() as connection:
            lock_export(connection, export_id)
            _advance(connection, export_id, step, standing_failures(connection, export_id))


def _advance(
    connection: Connection, export_id: int, step: Step, failures: Sequence[Failure]
) -> None:
    before = _trouble(connection, export_id)
    outcome = step(before, failures)
    if outcome.trouble != before:
        _put(connection, export_id, outcome.trouble)
    if outcome.stopped_at is not None:
        put_state(connection, export_id, "stopped", outcome.stopped_at)
    for notice in outcome.notices:
        insert_notice(connection, notice)


def _trouble(connection: Connection, export_id: int) -> Trouble | None:
    query = select(trouble).where(trouble.c.export_id == export_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Trouble(
        window_start=row.window_start,
        kinds=tuple(cast("Kind", it) for it in row.kinds.split(",") if it in get_args(Kind)),
        access_since=row.access_since,
        access_told=row.access_told,
        access_told_at=row.access_told_at,
    )


def _put(connection: Connection, export_id: int, after: Trouble | None) -> None:
    connection.execute(delete(trouble).where(trouble.c.export_id == export_id))
    if after is not None:
        values = {**asdict(after), "kinds": ",".join(after.kinds)}
        connection.execute(trouble.insert().values(export_id=export_id, **values))
