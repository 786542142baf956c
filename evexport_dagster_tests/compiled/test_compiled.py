"""Compiled loops in processes that need them, and in those that do not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from evexport_dagster.compiled import compiled

_WITHOUT = (
    "import sys, evexport_dagster.defs, evexport_dagster.cli.app; print('numba' in sys.modules)"
)


def test_numba_is_imported_by_whoever_makes_records() -> None:
    command = [sys.executable, "-c", _WITHOUT]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.strip() == "False"


def test_a_loop_that_cannot_be_kept_runs_all_the_same() -> None:
    # Of a function without a file numba keeps nothing, as of one in a folder of somebody else.
    made: dict[str, Any] = {}
    exec("def twice(number: int) -> int:\n    return 2 * number", made)
    assert compiled(made["twice"])(21) == 42
