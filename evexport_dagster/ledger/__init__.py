"""What has happened, and what was promised: the only truth about exports.

Exports, revisions, events, columns, receipts, leases, failures and notices, in SQLite or Postgres.
Safe between processes: what two of them do at once happens once. No clock: callers say what time
it is.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from .announced import Announced
from .attempts import Attempts, Failures
from .database import Database
from .deliveries import Deliveries
from .events import Events
from .exports import Exports
from .histories import Histories
from .late import LateRows
from .leases import Leases
from .manifests import Manifests
from .migrations import migrate, steps
from .notices import Notices
from .profiles import KnownProfiles
from .receipts import totals_of
from .schemas import Schemas
from .troubles import Outcome, Step, Troubles
from .values import (
    Attempt,
    Channel,
    ColumnList,
    DeliveredFile,
    Event,
    ExportKind,
    ExportState,
    ExportType,
    Failure,
    Late,
    Lease,
    Manifest,
    NewExport,
    NewFailure,
    NewlyKnown,
    NewNotice,
    Notice,
    NoticeKind,
    Receipt,
    Receiver,
    RegisteredExport,
    Revision,
    Seen,
    Sending,
    StaleFile,
    Totals,
    Trouble,
)
from .windows import Windows

__all__ = [
    "Attempt",
    "Channel",
    "ColumnList",
    "DeliveredFile",
    "Event",
    "ExportKind",
    "ExportState",
    "ExportType",
    "Failure",
    "Late",
    "Lease",
    "Ledger",
    "Manifest",
    "NewExport",
    "NewFailure",
    "NewNotice",
    "NewlyKnown",
    "Notice",
    "NoticeKind",
    "Outcome",
    "Receipt",
    "Receiver",
    "RegisteredExport",
    "Revision",
    "Seen",
    "Sending",
    "StaleFile",
    "Step",
    "Totals",
    "Trouble",
    "totals_of",
]


class Ledger:
    """An open ledger; each of its attributes is the verbs of one kind of fact."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.exports = Exports(database)
        self.events = Events(database)
        self.announced = Announced(database)
        self.attempts = Attempts(database)
        self.deliveries = Deliveries(database)
        self.late = LateRows(database)
        self.leases = Leases(database)
        self.manifests = Manifests(database)
        self.failures = Failures(database)
        self.histories = Histories(database)
        self.notices = Notices(database)
        self.profiles = KnownProfiles(database)
        self.schemas = Schemas(database)
        self.troubles = Troubles(database)
        self.windows = Windows(database)

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Opens the ledger at `sqlite:///path` or `postgresql://...`; makes or upgrades it first.

        Raises UnavailableError when it cannot be reached or written to, or is newer than this
        program; SpecError for a URL that cannot be a ledger's.
        """
        database = Database(url)
        try:
            migrate(database, steps())
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
