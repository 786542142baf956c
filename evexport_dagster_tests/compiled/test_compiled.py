"""Compiled loops in processes that need them, and in those that do not."""

from __future__ import annotations

import subprocess
import sys

_WITHOUT = (
    "import sys, evexport_dagster.defs, evexport_dagster.cli.app; print('numba' in sys.modules)"
)


def test_numba_is_imported_by_whoever_makes_records() -> None:
    command = [sys.executable, "-c", _WITHOUT]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.strip() == "False"
