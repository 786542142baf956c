"""A real webserver and a real daemon of a project, as processes that end with the test."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import evexport_dagster

REPOSITORY = Path(evexport_dagster.__file__).parents[1]
DAGSTER_YAML = """\
concurrency: {pools: {granularity: run}}
run_queue: {dequeue_interval_seconds: 1}
telemetry: {enabled: false}
"""
"""An instance whose runs of exports wait for one another, and begin soon."""
_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Servers:
    """Where the webserver listens, and where the processes write what they say."""

    url: str
    logs: Path

    def ask(self, query: str, **variables: object) -> Any:
        """The data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            document = json.load(answer)
        assert "errors" not in document, document["errors"]
        return document["data"]

    def is_up(self) -> bool:
        """Whether the webserver answers."""
        try:
            return bool(self.ask("{ version }"))
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def wait_for(self, what: str, ask: Callable[[], _T | None], seconds: float = 240) -> _T:
        """The first answer that is something; fails with what the processes said."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = ask()
            if answer:
                return answer
            time.sleep(0.5)
        said = [f"--- {log.name}\n{log.read_text()[-4000:]}" for log in self.logs.glob("*.log")]
        raise AssertionError("\n".join([f"{what} did not come about in {seconds} s", *said]))


@contextmanager
def servers(folder: Path, home: Path, logs: Path, *, web: bool = True) -> Iterator[Servers]:
    """A webserver, if it is wanted, and a daemon of the project in `folder`; both have ended
    afterwards."""
    port = _free_port()
    workspace = ["-m", "evexport_dagster.definitions", "-d", str(folder)]
    commands = {"daemon": ["dagster._daemon", "run", *workspace]}
    if web:
        commands["web"] = ["dagster_webserver", "-h", "127.0.0.1", "-p", str(port), *workspace]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "EVEXPORT_PROJECT": str(folder),
        "PYTHONPATH": str(REPOSITORY),
        # Dagster itself warns of what its own dependencies do.
        "PYTHONWARNINGS": "ignore",
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            log = stack.enter_context((logs / f"{name}.log").open("w"))
            stack.enter_context(_process([sys.executable, "-m", *command], log, environment))
        running = Servers(f"http://127.0.0.1:{port}", logs)
        if web:
            running.wait_for("the webserver", running.is_up)
        yield running


@contextmanager
def _process(command: list[str], log: Any, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        finally:
            _end_group(process.pid)


def _end_group(group: int) -> None:
    """End what a process started and left behind: code servers, runs."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _die_with_parent() -> None:
    # A shell that starts tests in the background has them ignore signals.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _LIBC.prctl(_DEATH_SIGNAL, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
