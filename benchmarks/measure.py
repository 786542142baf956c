"""One measured process: CPU seconds, wall seconds and peak memory, as the kernel counts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """A finished contender: its rows (read back from its files), its cost, its output's size."""

    name: str
    rows: int
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    bytes: int

    @property
    def rows_per_cpu_second(self) -> float:
        """What the goals are stated in."""
        return self.rows / self.cpu_seconds


def measure(name: str, *arguments: str) -> Measured:
    """Run `python -m benchmarks.contenders NAME ARGUMENTS` and account for it.

    The contender prints `{"rows": ..., "bytes": ...}`; an error of its own ends the benchmark.
    """
    command = [sys.executable, "-m", "benchmarks.contenders", name, *arguments]
    # Compiling sources to bytecode is nobody's work to be measured.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", "import benchmarks.contenders"], env=environment)
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} failed with exit code {process.returncode}")
    counted = json.loads(said.splitlines()[-1])
    return Measured(
        name=name,
        rows=counted["rows"],
        cpu_seconds=usage.ru_utime + usage.ru_stime - counted.get("unmeasured", 0.0),
        wall_seconds=time.perf_counter() - start,
        peak_mb=usage.ru_maxrss / 1024,
        bytes=counted["bytes"],
    )
