"""One measured contender: what its processes cost, as the kernel counts it, and what they wrote."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.contenders.base import Contender
from benchmarks.readback import rows_of
from benchmarks.registry import MODULES

_EVERY = 0.1
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Measured:
    """A contender that is done: rows as they were read back from its files, CPU seconds of it and
    its children, wall seconds, the most memory that all of them held at once, its files' size."""

    contender: Contender
    rows: int
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    bytes: int

    @property
    def rows_per_cpu_second(self) -> float:
        """What the goals are stated in."""
        return self.rows / self.cpu_seconds


class FailedError(Exception):
    """A contender that ended with an error, or wrote other rows than there are."""


def measure(contender: Contender, lake: Path, rows: int, folder: Path) -> Measured:
    """Run a contender on a lake of so many rows, in an empty folder.

    Raises FailedError where it fails, or where its files do not hold the rows.
    """
    out = folder / "files"
    command = [sys.executable, "-m", "benchmarks.contend", MODULES[contender.name]]
    # Compiling sources to bytecode is nobody's work to be measured.
    subprocess.run([sys.executable, "-c", f"import {MODULES[contender.name]}"], env=_environment())
    start = time.perf_counter()
    said, usage, peak = _run([*command, contender.name, str(lake), str(out)])
    wall = time.perf_counter() - start
    unmeasured = json.loads(said.splitlines()[-1])
    files = [path for path in out.rglob("*") if path.is_file()]
    found = rows_of(contender.format, files)
    if found != rows:
        raise FailedError(f"{contender.name}: {found:,} of {rows:,} rows in its files")
    return Measured(
        contender=contender,
        rows=found,
        cpu_seconds=usage.ru_utime + usage.ru_stime - unmeasured["cpu"],
        wall_seconds=wall - unmeasured["wall"],
        peak_mb=peak / 2**20,
        bytes=sum(path.stat().st_size for path in files),
    )


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _run(command: list[str]) -> tuple[str, resource.struct_rusage, int]:
    """What it says, what it and its children used, the most bytes that they held at once."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        memory = _Memory(process.pid)
        errors: list[str] = []
        stderr = process.stderr
        reader = threading.Thread(target=lambda: errors.append(stderr.read()))
        reader.start()
        memory.start()
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        memory.stop()
        reader.join()
    if process.returncode:
        raise FailedError(f"{command[-3]} ended with {process.returncode}:\n{errors[0][-3000:]}")
    return said, usage, memory.peak


class _Memory:
    """Looks at the resident memory of a process and its children while these live."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._root = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_EVERY):
            self.peak = max(self.peak, sum(map(_resident, self._tree())))

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
