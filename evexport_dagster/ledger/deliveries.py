"""Receipts: what was delivered, and which objects it left in the destinations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    false,
    insert,
    select,
    true,
    update,
)

from evexport_dagster.errors import RefusedError
from evexport_dagster.record_schema import RecordSchema

from .announced import Place, adopt
from .database import ConflictError, Database
from .late import forget_late
from .leases import require_lease
from .lookups import IS_OPEN, PLACE, batches, event_position, event_positions, lock_export
from .manifests import outdate
from .notices import insert_notice
from .profiles import put_known
from .receipts import delivered_file, delivery_values, file_values, receipts_where, totals_in
from .schema import attempt, delivery, event, file
from .schemas import keep_schema
from .values import DeliveredFile, NewlyKnown, NewNotice, Receipt, StaleFile, Totals


def _same(table: Table) -> ColumnElement[bool]:
    return and_(*(table.c[name] == bindparam(f"of_{name}") for name in PLACE))


# Made once: to build a statement takes longer than to run it.
END_ATTEMPT = delete(attempt).where(_same(attempt))
REPLACE = update(delivery).where(_same(delivery))
SHOW = REPLACE.values(displayed=True).where(
    delivery.c.recorded_at == bindparam("of_recorded_at"),
    delivery.c.run_id == bindparam("of_run_id"),
)
INSERT = insert(delivery)
TAKEN = select(file.c.key, file.c.export_id).where(
    file.c.destination == bindparam("of_destination"),
    file.c.key.in_(bindparam("of_keys", expanding=True)),
    ~_same(file),
)
FORMER = select(file).where(_same(file)).order_by(file.c.destination, file.c.key)
AGE = update(file).where(_same(file)).values(stale=true())
FORGET = delete(file).where(
    file.c.destination == bindparam("of_destination"),
    file.c.key == bindparam("of_key"),
    _same(file),
)
INSERT_FILES = insert(file)


class Deliveries:
    """The receipts of a ledger, one for each (export, window, event)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        receipt: Receipt,
        holder: str,
        notice: NewNotice | None = None,
        schema: RecordSchema | None = None,
        known: NewlyKnown | None = None,
    ) -> tuple[DeliveredFile, ...]:
        """Puts a receipt in the place of the former one and ends its attempt, all at once, with
        the schema that its hash means, the notice that tells of it, and what it makes known of
        profiles.

        Gives the stale files of this delivery: those that former receipts had, or runs that broke
        off had announced, and this one has not, as long as they were not reported as `removed`.
        Raises BusyError when the holder has lost the window, and RefusedError for a key that
        another delivery has.
        """
        try:
            return self._record(receipt, holder, notice, schema, known)
        except ConflictError:
            # Another export recorded one of the keys meanwhile: now it is there to be named.
            return self._record(receipt, holder, notice, schema, known)

    def _record(
        self,
        receipt: Receipt,
        holder: str,
        notice: NewNotice | None,
        schema: RecordSchema | None,
        known: NewlyKnown | None,
    ) -> tuple[DeliveredFile, ...]:
        with self._database.write() as connection:
            lock_export(connection, receipt.export_id)
            require_lease(connection, receipt.export_id, receipt.window_start, holder)
            position = event_position(connection, receipt.export_id, receipt.event)
            place = (receipt.export_id, receipt.window_start, position)
            _refuse_taken(connection, receipt.files, place)
            connection.execute(END_ATTEMPT, _of(place))
            forget_late(connection, place)
            if schema is not None:
                keep_schema(connection, receipt.export_id, schema)
            _put_delivery(connection, receipt, place)
            outdate(connection, receipt.export_id, receipt.window_start)
            adopt(connection, place, {(it.destination, it.key) for it in receipt.files})
            left = _put_files(connection, receipt.files, place)
            if notice is not None:
                insert_notice(connection, notice)
            put_known(connection, receipt.export_id, known)
            return left

    def removed(self, export_id: int, destination: str, keys: Collection[str]) -> None:
        """Forgets stale files that are no longer there; a key in use stays."""
        with self._database.write() as connection:
            lock_export(connection, export_id)
            for batch in batches(keys):
                connection.execute(
                    delete(file).where(
                        file.c.destination == destination,
                        file.c.key.in_(batch),
                        file.c.export_id == export_id,
                        file.c.stale,
                    )
                )

    def stale(self, export_id: int) -> tuple[StaleFile, ...]:
        """The stale files that were not removed yet."""
        query = (
            select(file, event.c.name.label("event_name"))
            .join(
                event, and_(event.c.export_id == file.c.export_id, event.c.position == file.c.event)
            )
            .where(file.c.export_id == export_id, file.c.stale)
            .order_by(file.c.window_start, file.c.event, file.c.key)
        )
        with self._database.read() as connection:
            return tuple(
                StaleFile(row.window_start, row.event_name, delivered_file(row))
                for row in connection.execute(query)
            )

    def keys_of_others(
        self, export_id: int, destination: str, keys: Collection[str]
    ) -> tuple[str, ...]:
        """Those of the keys that another export has delivered to the destination, sorted."""
        found: list[str] = []
        with self._database.read() as connection:
            for batch in batches(keys):
                query = select(file.c.key).where(
                    file.c.destination == destination,
                    file.c.key.in_(batch),
                    file.c.export_id != export_id,
                )
                found.extend(connection.execute(query).scalars())
        return tuple(sorted(found))

    def receipts(
        self,
        export_id: int,
        window_start: datetime | None = None,
        events: Collection[str] | None = None,
    ) -> tuple[Receipt, ...]:
        """The receipts of an export, of one window or of all, in order of window and event."""
        with self._database.read() as connection:
            positions = event_positions(connection, export_id)
            where = [delivery.c.export_id == export_id]
            if window_start is not None:
                where.append(delivery.c.window_start == window_start)
            if events is not None:
                places = [positions[name] for name in events if name in positions]
                where.append(delivery.c.event.in_(places))
            return receipts_where(connection, where)

    def recorded(self, export_id: int, windows: Collection[datetime]) -> set[tuple[datetime, str]]:
        """The (window start, event) pairs among these windows that have a receipt, but for those
        that were begun again since, some of whose files may be replaced already, and those that
        are due again because of late rows."""
        found = set[tuple[datetime, str]]()
        with self._database.read() as connection:
            positions = event_positions(connection, export_id)
            names = dict(zip(positions.values(), positions, strict=True))
            for some in batches(windows):
                query = select(delivery.c.window_start, delivery.c.event).where(
                    delivery.c.export_id == export_id,
                    delivery.c.window_start.in_(some),
                    ~IS_OPEN,
                )
                found |= {(start, names[place]) for start, place in connection.execute(query)}
        return found

    def totals(self, export_id: int) -> Totals:
        """How much an export has delivered, in all its windows."""
        with self._database.read() as connection:
            return totals_in(connection, export_id)

    def to_display(self, export_id: int) -> tuple[Receipt, ...]:
        """The receipts that Dagster is not known to show."""
        with self._database.read() as connection:
            return receipts_where(
                connection, [delivery.c.export_id == export_id, delivery.c.displayed == false()]
            )

    def mark_displayed(self, receipts: Iterable[Receipt]) -> None:
        """Notes that these receipts are shown; one that was replaced meanwhile is yet to be."""
        by_export: dict[int, list[Receipt]] = defaultdict(list)
        for receipt in receipts:
            by_export[receipt.export_id].append(receipt)
        for export_id, shown in by_export.items():
            with self._database.write() as connection:
                lock_export(connection, export_id)
                positions = event_positions(connection, export_id)
                for it in shown:
                    place = _of((export_id, it.window_start, positions[it.event]))
                    now = {"of_recorded_at": it.recorded_at, "of_run_id": it.run_id}
                    connection.execute(SHOW, place | now)


def _of(place: Place) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in zip(PLACE, place, strict=True)}


def _refuse_taken(connection: Connection, files: Sequence[DeliveredFile], place: Place) -> None:
    by_destination: dict[str, list[str]] = defaultdict(list)
    for new in files:
        by_destination[new.destination].append(new.key)
    for destination, keys in by_destination.items():
        for batch in batches(keys):
            asked = {"of_destination": destination, "of_keys": batch, **_of(place)}
            taken = connection.execute(TAKEN, asked).first()
            if taken is not None:
                raise RefusedError(
                    f"The key {taken.key} was delivered for another window or event already, by "
                    f"the export {taken.export_id}: choose another folder or file name"
                )


def _put_delivery(connection: Connection, receipt: Receipt, place: Place) -> None:
    values = delivery_values(receipt)
    if not connection.execute(REPLACE, {**_of(place), **values}).rowcount:
        connection.execute(INSERT, {**dict(zip(PLACE, place, strict=True)), **values})


def _put_files(
    connection: Connection, files: Sequence[DeliveredFile], place: Place
) -> tuple[DeliveredFile, ...]:
    """Puts the files of a delivery in the place of its former ones; gives those left behind."""
    former = tuple(map(delivered_file, connection.execute(FORMER, _of(place))))
    new = {(one.destination, one.key): one for one in files}
    if former:
        connection.execute(AGE, _of(place))
    again = [
        {"of_destination": one.destination, "of_key": one.key, **_of(place)}
        for one in former
        if (one.destination, one.key) in new
    ]
    if again:
        connection.execute(FORGET, again)
    # Two exports that meet in several keys would deadlock if each inserted them in its own order.
    own = dict(zip(PLACE, place, strict=True))
    rows = [{**own, **file_values(one)} for _, one in sorted(new.items())]
    if rows:
        connection.execute(INSERT_FILES, rows)
    return tuple(one for one in former if (one.destination, one.key) not in new)
