"""What a contender is: whoever turns the sample lake into files of one format, one folder an event.

All of them read the same two relations and write the same record, as far as they can: name, time
and identity of an event, five user properties, six fields of the device, six communication
preferences, every property of the event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

DAY: Final = date(2026, 6, 15)
ZONE: Final = "America/New_York"
THREADS: Final = 2

DEVICE: Final = ("platform", "make", "model", "appVersion", "osVersion", "dimensions")
PREFERENCES: Final = (
    "subscriptionGroups",
    *(f"MSG-{it}" for it in ("webpush", "push", "email", "sms", "whatsapp")),
)


def batches(lake: Path) -> list[list[Path]]:
    """The files of events, as many at a time as a tool that works in memory may read."""
    files = sorted((lake / "events").iterdir())
    return [files[at : at + _AT_A_TIME] for at in range(0, len(files), _AT_A_TIME)]


_AT_A_TIME = 2
"""Files of at most a million rows."""


@dataclass(frozen=True)
class Unmeasured:
    """The seconds of a contender that are not its work: of all its CPUs, and on the wall."""

    cpu: float = 0.0
    wall: float = 0.0


@dataclass(frozen=True)
class Contender:
    """Who it is, what it writes, and how: `run(lake, out)` fills the folder `out`.

    `command` tells people what it does; `packages` are those whose versions count.
    """

    name: str
    format: str
    command: str
    packages: tuple[str, ...]
    run: Callable[[Path, Path], Unmeasured | None]
