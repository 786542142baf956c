"""The errors of an export, named by who acts next.

ExportError
├── SpecError           the author of the spec, or of the command: nothing was written
│   ├── SourceError     ... whose source cannot be read as it is mapped; nobody yet, where it
│   │                   could be when the export was created
│   ├── RevisionError   ... whose spec means something else than the registered one
│   └── RefusedError    ... who asked for what an export does not do
│       └── StoppedError    ... any more, because it is stopped for ever
├── AccessError         the owner of the destination: checked again every hour
├── UnavailableError    nobody yet: tried again every five minutes
│   └── BusyError       ... because another run holds the window
└── BugError            us: tried again every five minutes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

Kind = Literal["spec", "access", "unavailable", "bug"]


class ExportError(Exception):
    """What went wrong, where, and what to do; safe to show and to log."""

    kind: ClassVar[Kind] = "bug"
    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: `where` it stands, what was `found` there, what is `allowed`."""

    where: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return (
            f"{self.where}: {self.found}: {self.allowed}"
            if self.found
            else (f"{self.where}: {self.allowed}")
        )


class SpecError(ExportError):
    """Wrong use or a wrong spec; carries every fault that was found, not only the first."""

    kind = "spec"
    exit_code = 2

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join([message, *(f"  {fault}" for fault in self.faults)]))


class SourceError(SpecError):
    """A source cannot be read, lacks a column, or has one of a wrong type."""


class RevisionError(SpecError):
    """A spec differs from the registered revision; the registered one stays in force."""


class RefusedError(SpecError):
    """A request that an export refuses: a stopped export, a window that has not ended."""


class StoppedError(RefusedError):
    """The export is stopped, or was stopped while it ran: no failure of anything."""


class AccessError(ExportError):
    """The destination refuses us: credentials, permissions, or a bucket that is not there."""

    kind = "access"


class UnavailableError(ExportError):
    """Something is out of reach for now: network, throttling, a full disk."""

    kind = "unavailable"


class BusyError(UnavailableError):
    """Another run holds the lease on a window."""


class BugError(ExportError):
    """A promise of the exporter itself was broken; nothing of the delivery was published."""

    kind = "bug"
