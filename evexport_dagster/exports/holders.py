"""Who holds a window, written so that a process that was killed is known to be gone at once."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
# Of `/proc/<pid>/stat`, counted behind the name of the command.
_STATE, _STARTED = 0, 19
_DEAD_STATES = "ZX"


def new_holder(run_id: str) -> str:
    """A holder of this process: `<run>/<unique>`, and behind it `/<place>/<pid>/<start>` where
    process ids can be told from those of other machines and containers."""
    holder = f"{run_id}/{uuid4().hex}"
    place, started = _place(), _started(os.getpid())
    return f"{holder}/{place}/{os.getpid()}/{started}" if place and started else holder


def is_gone(holder: str) -> bool:
    """Whether the process of a holder has certainly ended; False where that cannot be told."""
    parts = holder.split("/")[-3:]
    if not is_here(holder) or not parts[1].isdecimal():
        return False
    pid = int(parts[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # It is there, and somebody else's.
        return False
    started = _started(pid)
    return started is not None and started != parts[2]


def is_here(holder: str) -> bool:
    """Whether the process of a holder is one of this machine and container, alive or gone."""
    parts = holder.split("/")[-3:]
    return len(parts) == 3 and parts[0] == _place()


def _place() -> str | None:
    """Where process ids mean the same as here: this boot of this machine, this container."""
    try:
        return f"{_BOOT_ID.read_text('ascii').strip()}:{_PID_NAMESPACE.stat().st_ino}"
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """When a process started, in ticks since boot; 'ended' for one that is dead but not reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return "ended" if fields[_STATE] in _DEAD_STATES else fields[_STARTED]
