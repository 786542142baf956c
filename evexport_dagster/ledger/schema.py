"""The tables as they are now; `steps/` holds how a ledger gets here."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from .column_types import Bytes, FreeText, Instant


def digest(name: str) -> str:
    """What is indexed in place of a name, because a Postgres index entry is at most 2.7 KB."""
    return hashlib.sha256(name.encode()).hexdigest()


metadata = MetaData()


def _column(name: str, of: type[Any], *, nullable: bool = False) -> Column[Any]:
    return Column(name, of, nullable=nullable)


def _to(table: str, *columns: str, target: tuple[str, ...] = ()) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(columns, [f"{table}.{name}" for name in target or columns])


export = Table(
    "export",
    metadata,
    _column("export_id", BigInteger),
    _column("name", Text),
    _column("type", Text),
    _column("kind", Text),
    _column("state", Text),
    _column("state_at", Instant),
    _column("created_at", Instant),
    PrimaryKeyConstraint("export_id"),
    UniqueConstraint("name"),
)

revision = Table(
    "revision",
    metadata,
    _column("export_id", BigInteger),
    _column("number", Integer),
    _column("meaning", Text),
    _column("fingerprint", Text),
    _column("created_at", Instant),
    PrimaryKeyConstraint("export_id", "number"),
    _to("export", "export_id"),
)

event = Table(
    "event",
    metadata,
    _column("export_id", BigInteger),
    _column("position", Integer),
    _column("name", FreeText),
    _column("digest", Text),
    _column("segment", Text),
    _column("first_window", Instant, nullable=True),
    _column("first_seen_at", Instant),
    _column("columns_at_creation", Integer),
    PrimaryKeyConstraint("export_id", "position"),
    UniqueConstraint("export_id", "digest"),
    _to("export", "export_id"),
)

_EVENT = ("export_id", "position")
_REVISION = ("export_id", "number")

column = Table(
    "column",
    metadata,
    _column("export_id", BigInteger),
    _column("event", Integer),
    _column("position", Integer),
    _column("name", FreeText),
    _column("digest", Text),
    _column("version", Integer),
    PrimaryKeyConstraint("export_id", "event", "position"),
    UniqueConstraint("export_id", "event", "digest"),
    _to("event", "export_id", "event", target=_EVENT),
)

attempt = Table(
    "attempt",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("event", Integer),
    _column("revision", Integer),
    _column("column_version", Integer),
    _column("started_at", Instant),
    PrimaryKeyConstraint("export_id", "window_start", "event"),
    _to("event", "export_id", "event", target=_EVENT),
    _to("revision", "export_id", "revision", target=_REVISION),
)

delivery = Table(
    "delivery",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("window_end", Instant),
    _column("event", Integer),
    _column("revision", Integer),
    _column("column_version", Integer),
    _column("rows", BigInteger),
    _column("source_rows", BigInteger),
    _column("first_event_time", Instant, nullable=True),
    _column("last_event_time", Instant, nullable=True),
    _column("watermark", Instant, nullable=True),
    _column("oddities", Text),
    _column("run_id", Text),
    _column("recorded_at", Instant),
    _column("displayed", Boolean),
    _column("schema_hash", Text, nullable=True),
    PrimaryKeyConstraint("export_id", "window_start", "event"),
    _to("event", "export_id", "event", target=_EVENT),
    _to("revision", "export_id", "revision", target=_REVISION),
)

record_schema = Table(
    "record_schema",
    metadata,
    _column("export_id", BigInteger),
    _column("hash", Text),
    _column("body", Text),
    PrimaryKeyConstraint("export_id", "hash"),
    _to("export", "export_id"),
)

file = Table(
    "file",
    metadata,
    _column("destination", Text),
    _column("key", FreeText),
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("event", Integer),
    _column("instance", Integer),
    _column("file_index", Integer),
    _column("rows", BigInteger),
    _column("bytes", BigInteger),
    _column("sha256", Text),
    _column("stale", Boolean),
    PrimaryKeyConstraint("destination", "key"),
    _to("delivery", "export_id", "window_start", "event"),
)

announced = Table(
    "announced",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("event", Integer),
    _column("destination", Text),
    _column("key", FreeText),
    PrimaryKeyConstraint("export_id", "window_start", "event", "destination", "key"),
    _to("event", "export_id", "event", target=_EVENT),
)

lease = Table(
    "lease",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("holder", Text),
    _column("acquired_at", Instant),
    _column("heartbeat_at", Instant),
    PrimaryKeyConstraint("export_id", "window_start"),
    _to("export", "export_id"),
)

failure = Table(
    "failure",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("kind", Text),
    _column("message", FreeText),
    _column("first_at", Instant),
    _column("last_at", Instant),
    _column("count", Integer),
    _column("run_id", Text),
    PrimaryKeyConstraint("export_id", "window_start", "kind"),
    _to("export", "export_id"),
)

notice = Table(
    "notice",
    metadata,
    _column("position", BigInteger),
    _column("notice_id", Text),
    _column("export_id", BigInteger),
    _column("window_start", Instant, nullable=True),
    _column("kind", Text),
    _column("fact", Text),
    _column("created_at", Instant),
    PrimaryKeyConstraint("position"),
    UniqueConstraint("notice_id"),
    _to("export", "export_id"),
)

sending = Table(
    "sending",
    metadata,
    _column("position", BigInteger),
    _column("channel", Text),
    _column("address", Text),
    _column("state", Text),
    _column("attempts", Integer),
    _column("next_at", Instant),
    _column("state_at", Instant),
    _column("error", FreeText, nullable=True),
    PrimaryKeyConstraint("position", "channel", "address"),
    _to("notice", "position"),
)

manifest = Table(
    "manifest",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("destination", Text),
    _column("key", Text),
    _column("outdated", Boolean),
    PrimaryKeyConstraint("export_id", "window_start"),
    _to("export", "export_id"),
)

trouble = Table(
    "trouble",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("kinds", Text),
    _column("access_since", Instant, nullable=True),
    _column("access_told", Integer),
    _column("access_told_at", Instant, nullable=True),
    PrimaryKeyConstraint("export_id"),
    _to("export", "export_id"),
)

late = Table(
    "late",
    metadata,
    _column("export_id", BigInteger),
    _column("window_start", Instant),
    _column("event", Integer),
    _column("rows", BigInteger),
    _column("noticed_at", Instant),
    _column("reopens", Boolean),
    PrimaryKeyConstraint("export_id", "window_start", "event"),
    _to("event", "export_id", "event", target=_EVENT),
)

known_profiles = Table(
    "known_profiles",
    metadata,
    _column("export_id", BigInteger),
    _column("number", Integer),
    _column("chunk", Integer),
    _column("data", Bytes),
    PrimaryKeyConstraint("export_id", "number", "chunk"),
    _to("export", "export_id"),
)

schema_version = Table("schema_version", metadata, _column("version", Integer))
