"""A real daemon of a project, whose processes can be killed one by one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evexport_dagster_tests.defs.servers import Servers, servers

Kind = Literal["daemon", "code server", "run"]
_MARKS: dict[Kind, str] = {
    "daemon": "dagster._daemon",
    "code server": "-m dagster api grpc",
    # A code server starts runs as Python starts a process of `multiprocessing`.
    "run": "multiprocessing.spawn",
}
"""What the command line of each kind of process has in it."""


@dataclass
class RealDaemon:
    """A daemon and what it has started: code servers and runs."""

    folder: Path
    home: Path
    logs: Path
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> Servers:
        """Start it, as a supervisor would."""
        return self._stack.enter_context(servers(self.folder, self.home, self.logs, web=False))

    def end(self) -> None:
        """End it and all that it has started."""
        self._stack.close()

    def kill(self, kind: Kind) -> bool:
        """`kill -9` of one of its processes; whether there was one."""
        for pid in self._pids(kind):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def _pids(self, kind: Kind) -> Iterator[int]:
        """The processes of this daemon, known by the folder of their instance."""
        own = f"DAGSTER_HOME={self.home}".encode()
        for place in Path("/proc").iterdir():
            if not place.name.isdecimal():
                continue
            with suppress(OSError):
                command = (place / "cmdline").read_bytes().decode("utf-8", "replace")
                of_it = own in (place / "environ").read_bytes().split(b"\0")
                if of_it and _MARKS[kind] in command.replace("\0", " "):
                    yield int(place.name)
