"""Servers as processes of their own, that end with the tests whatever ends these."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

_DEATH_SIGNAL = 1
_PORTS = range(20_000, 32_000)
"""Below those that kernels give to outgoing connections."""

_LIBC = ctypes.CDLL(None)


@dataclass
class Server:
    """A server that listens on a port of loopback; `log` is what it says."""

    name: str
    command: Sequence[str]
    port: int
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, seconds: float = 60) -> None:
        """Return once it listens; fails with what it said when it does not."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        self.stop()
        said = self.log.read_text(errors="replace")[-4000:]
        raise RuntimeError(f"{self.name} does not listen on port {self.port}; it said:\n{said}")

    def stop(self) -> None:
        """End it at once, as a power cut would; no error when it has ended already."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str],
    port: int,
    logs: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server that listens, and has ended afterwards; it writes to `NAME.log` in `logs`."""
    server = Server(name, command, port, logs / f"{name}.log", environment or {})
    try:
        server.start()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port of loopback that nobody listens on, and that no connection gets by chance."""
    while True:
        port = SystemRandom().choice(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def _die_with_parent() -> None:
    # A shell that starts tests in the background has them ignore signals.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _LIBC.prctl(_DEATH_SIGNAL, signal.SIGKILL)
