"""What the ledger takes and gives. Every instant is aware; those that come out are in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from evexport_dagster.errors import Kind

ExportType = Literal["events", "profiles"]
ExportKind = Literal["recurring", "one_time", "history"]
ExportState = Literal["active", "stopped", "done"]
Channel = Literal["webhook", "email"]
NoticeKind = Literal["started", "completed", "stopped", "failed", "recovered"]


@dataclass(frozen=True)
class NewExport:
    """An export to register: its events as (name, path segment), in order, and the properties
    that the source has for each of them now, in order."""

    name: str
    type: ExportType
    kind: ExportKind
    meaning: str
    fingerprint: str
    events: Sequence[tuple[str, str]] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Revision:
    """One meaning of an export: JSON text, and the fingerprint that tells it from others."""

    number: int
    meaning: str
    fingerprint: str
    created_at: datetime


@dataclass(frozen=True)
class RegisteredExport:
    """An export and its newest revision; `state_at` is when the state was last set."""

    name: str
    export_id: int
    type: ExportType
    kind: ExportKind
    state: ExportState
    state_at: datetime
    created_at: datetime
    revision: Revision


@dataclass(frozen=True)
class Event:
    """An event of an export: its place and its path segment never change.

    `first_window` is the start of the window that it was first seen in, if one was given.
    """

    name: str
    segment: str
    position: int
    first_window: datetime | None
    first_seen_at: datetime


@dataclass(frozen=True)
class ColumnList:
    """The source properties of an event that are known in one version; version 0 knows none.

    The first `at_creation` of `names` were in the source when the export was created.
    """

    event: str
    version: int
    names: tuple[str, ...]
    at_creation: int


@dataclass(frozen=True)
class Attempt:
    """A delivery that was begun and is not recorded yet: what every retry of it uses."""

    event: str
    revision: int
    column_version: int
    started_at: datetime


@dataclass(frozen=True)
class DeliveredFile:
    """One object; `destination` is the fingerprint of the bucket, container or folder."""

    destination: str
    key: str
    instance: int
    index: int
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Receipt:
    """The record of one delivery. `watermark` is the latest arrival that it has seen;
    `oddities` is JSON: what was counted and named on the way. `stale` are the objects of
    former receipts that are still there, as the ledger tells them. `schema_hash` tells what its
    records could hold; None where there are none."""

    export_id: int
    window_start: datetime
    window_end: datetime
    event: str
    revision: int
    column_version: int
    rows: int
    source_rows: int
    run_id: str
    recorded_at: datetime
    first_event_time: datetime | None = None
    last_event_time: datetime | None = None
    watermark: datetime | None = None
    oddities: Mapping[str, object] = field(default_factory=dict)
    schema_hash: str | None = None
    files: tuple[DeliveredFile, ...] = ()
    stale: tuple[DeliveredFile, ...] = ()


@dataclass(frozen=True)
class NewlyKnown:
    """What a delivery of profiles makes known: a file. Where there are more than a few already,
    `together` has those of `numbers` in one, to be kept in their place."""

    file: Path
    numbers: tuple[int, ...] = ()
    together: Path | None = None


@dataclass(frozen=True)
class Totals:
    """How much was delivered."""

    windows: int
    events: int
    rows: int
    files: int
    bytes: int


@dataclass(frozen=True)
class StaleFile:
    """An object of an earlier receipt that the present one does not have."""

    window_start: datetime
    event: str
    file: DeliveredFile


@dataclass(frozen=True)
class Late:
    """Rows of an event that came after its window was delivered: at least so many. `reopens`
    tells that they are due to be delivered, not only reported."""

    window_start: datetime
    event: str
    rows: int
    noticed_at: datetime
    reopens: bool


@dataclass(frozen=True)
class Seen:
    """What a receipt says of the source: its rows, and the latest arrival among them."""

    rows: int
    watermark: datetime | None


@dataclass(frozen=True)
class Manifest:
    """The manifest of a window; `outdated` until it is put, and once a receipt is newer."""

    export_id: int
    window_start: datetime
    destination: str
    key: str
    outdated: bool


@dataclass(frozen=True)
class Lease:
    """Who delivers a window, and when that was last known to be alive."""

    export_id: int
    window_start: datetime
    holder: str
    acquired_at: datetime
    heartbeat_at: datetime


@dataclass(frozen=True)
class Failure:
    """Failures of one kind since a window last succeeded: the last one, and how it began."""

    export_id: int
    window_start: datetime
    kind: Kind
    message: str
    first_at: datetime
    last_at: datetime
    count: int
    run_id: str


@dataclass(frozen=True)
class NewFailure:
    """A run of a window that has just failed."""

    window_start: datetime
    kind: Kind
    message: str
    run_id: str
    at: datetime


@dataclass(frozen=True, order=True)
class Receiver:
    """Who is told: an e-mail address, or '' for the webhook of the project."""

    channel: Channel
    address: str = ""


@dataclass(frozen=True)
class NewNotice:
    """A fact that the receivers are to be told; `notice_id` is the same for the same fact.

    `fact` is JSON; `window_start` is None for a fact about the whole export.
    """

    notice_id: str
    export_id: int
    kind: NoticeKind
    fact: Mapping[str, object]
    receivers: tuple[Receiver, ...]
    created_at: datetime
    window_start: datetime | None = None


@dataclass(frozen=True)
class Notice:
    """A notice that is kept; positions are in the order in which facts came to be."""

    position: int
    notice_id: str
    export_id: int
    window_start: datetime | None
    kind: NoticeKind
    fact: Mapping[str, object]
    created_at: datetime


@dataclass(frozen=True)
class Sending:
    """A notice on its way to one receiver: how often it was tried, when it may be next, and what
    went wrong the last time."""

    notice: Notice
    receiver: Receiver
    attempts: int
    next_at: datetime
    error: str | None = None


@dataclass(frozen=True)
class Trouble:
    """What an export has trouble with since it last worked, and what people were told of it.

    `window_start` is that of the window that failed last, `kinds` those that were told of but for
    access; that was told `access_told` times.
    """

    window_start: datetime
    kinds: tuple[Kind, ...] = ()
    access_since: datetime | None = None
    access_told: int = 0
    access_told_at: datetime | None = None
