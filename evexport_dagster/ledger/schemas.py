"""The schemas of deliveries, each kept once for an export."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, and_, exists, func, select

from evexport_dagster.record_schema import RecordSchema

from .database import Database
from .schema import delivery, event, record_schema


class Schemas:
    """What the deliveries of each export could hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, export_id: int, hashes: Collection[str]) -> dict[str, RecordSchema]:
        """The schemas with these hashes."""
        query = select(record_schema.c.hash, record_schema.c.body).where(
            record_schema.c.export_id == export_id, record_schema.c.hash.in_(set(hashes))
        )
        with self._database.read() as connection:
            return {hash_: RecordSchema.of_body(body) for hash_, body in connection.execute(query)}

    def before(self, export_id: int, window_start: datetime) -> dict[str, str]:
        """For each event the hash of the last delivery before a window that had rows."""
        last = (
            select(delivery.c.event, func.max(delivery.c.window_start).label("window_start"))
            .where(
                delivery.c.export_id == export_id,
                delivery.c.window_start < window_start,
                delivery.c.schema_hash.is_not(None),
            )
            .group_by(delivery.c.event)
            .subquery()
        )
        query = (
            select(event.c.name, delivery.c.schema_hash)
            .select_from(delivery)
            .join(
                last,
                and_(
                    last.c.event == delivery.c.event,
                    last.c.window_start == delivery.c.window_start,
                ),
            )
            .join(event)
            .where(delivery.c.export_id == export_id)
        )
        with self._database.read() as connection:
            return {row.name: row.schema_hash for row in connection.execute(query)}


def keep_schema(connection: Connection, export_id: int, schema: RecordSchema) -> None:
    """Keeps a schema that an export, which the transaction has locked, may have already."""
    own = (record_schema.c.export_id == export_id, record_schema.c.hash == schema.hash)
    if not connection.execute(select(exists().where(*own))).scalar_one():
        values = {"export_id": export_id, "hash": schema.hash, "body": schema.body}
        connection.execute(record_schema.insert().values(values))
