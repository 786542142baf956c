"""Processes to be killed, and many at once: forked from one that has imported everything.

    python -m evexport_dagster_tests.delivery.zygote

reads a JSON list of [action, arguments ...] a line, does each of them in a process of its own, all
at once, and answers with the list of their exit codes (negative: the signal that ended them).
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from itertools import chain
from pathlib import Path
from threading import Timer
from typing import Any

import pyarrow as pa

from evexport_dagster.cli import main as evexport
from evexport_dagster.defs.io_managers import ExportIOManager
from evexport_dagster.exports import Project, load_project, next_run
from evexport_dagster.formats.gzip import Members
from evexport_dagster.ledger import Ledger
from evexport_dagster.ledger.attempts import Attempts
from evexport_dagster.ledger.deliveries import Deliveries
from evexport_dagster.ledger.events import Events
from evexport_dagster.ledger.exports import Exports
from evexport_dagster.ledger.leases import Leases
from evexport_dagster.ledger.troubles import Troubles
from evexport_dagster.query import window
from evexport_dagster.spool import Spool
from evexport_dagster.stores.local import LocalStore

STEPS: dict[str, tuple[Any, str]] = {
    "open the ledger": (Ledger, "open"),
    "create the export": (Exports, "create"),
    "take the lease": (Leases, "acquire"),
    "take a chunk": (window, "take_chunk"),
    "write records": (Spool, "write"),
    "commit the columns": (Events, "append_columns"),
    "begin the attempt": (Attempts, "begin"),
    "end a file": (Members, "close"),
    "finish the files": (Spool, "finish"),
    "copy to the destination": (shutil, "copyfile"),
    "rename": (Path, "replace"),
    "record the receipt": (Deliveries, "record"),
    "delete a stale file": (LocalStore, "delete"),
    "forget the stale file": (Deliveries, "removed"),
    "forget failures": (Troubles, "succeeded"),
    "release the lease": (Leases, "release"),
    "show the delivery": (ExportIOManager, "_show"),
    "note that it is shown": (Project, "mark_displayed"),
}
"""What a run does, in this order: where each step is found."""


def run(folder: str, name: str, now: str, from_: str | None = None) -> None:
    """Run an export at a given time; each object that is put is noted in `puts`."""
    put = LocalStore.put

    def noted(store: LocalStore, key: str, path: Path) -> None:
        put(store, key, path)
        with (Path(folder) / "puts").open("a") as notes:
            notes.write(f"{key}\n")

    LocalStore.put = noted  # type: ignore[method-assign, assignment]
    time = dt.datetime.fromisoformat(now)
    start = dt.datetime.fromisoformat(from_) if from_ else None
    with load_project(folder, clock=lambda: time) as project:
        project.run(name, from_=start)


def plan(folder: str, name: str, now: str) -> None:
    """Do what a run of the planner does: the window of an export that is next."""
    time = dt.datetime.fromisoformat(now)
    with load_project(folder, clock=lambda: time) as project:
        facts = project.unattended.facts(name, queued=False)
        planned = next_run(facts, time) if facts else None
        if planned is not None and planned.is_due(time):
            for task in project.unattended.rest_of(name, planned.window, "killed"):
                project.deliver(task, run_id="killed")


def plan_and_die(step: str, when: str, times: int, *arguments: Any) -> None:
    """Do what a run of the planner does, and be killed at a step."""
    _deadly(step, when, times)
    plan(*arguments)


def run_for(seconds: float, environment: dict[str, str], *arguments: Any) -> None:
    """Run with these variables, and be killed where that takes longer."""
    os.environ.update(environment)
    Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    run(*arguments)


def run_and_die(step: str, when: str, times: int, *arguments: Any) -> None:
    """Run, and be killed before, in or after the step, when it comes for the n-th time."""
    _deadly(step, when, times)
    run(*arguments)


def command(*arguments: str) -> None:
    """Run the command line."""
    evexport(arguments, prog_name="evexport")


def command_and_die(step: str, when: str, times: int, *arguments: str) -> None:
    """Run the command line, and be killed at a step."""
    _deadly(step, when, times)
    command(*arguments)


ACTIONS: dict[str, Callable[..., None]] = {
    action.__name__: action
    for action in (run, run_for, run_and_die, plan, plan_and_die, command, command_and_die)
}

LIBRARIES = {"run_for": [f"evexport_dagster.stores.{it}" for it in ("s3", "gcs", "azure")]}
"""What an action takes, beyond the modules above, that would take seconds in each process."""


def _deadly(step: str, when: str, times: int) -> None:
    owner, name = STEPS[step]
    done = getattr(owner, name)
    calls = 0

    @wraps(done)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < times:
            return done(*arguments, **named)
        if when == "after":
            done(*arguments, **named)
        if when == "in":
            source, target = map(Path, arguments)
            target.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    setattr(owner, name, wrapped)


def _fork(action: str, arguments: Sequence[Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 0
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        ACTIONS[action](*arguments)
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 70
    finally:
        os._exit(code)


def _serve() -> None:
    # At its first array pyarrow looks for pandas, which takes long: here, not in every process.
    pa.array([])
    # A collection would write to, and so copy, every page that the processes share.
    gc.freeze()
    for line in sys.stdin:
        jobs = json.loads(line)
        for library in chain.from_iterable(LIBRARIES.get(action, ()) for action, *_ in jobs):
            import_module(library)
        pids = [_fork(action, arguments) for action, *arguments in jobs]
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        sys.stdout.write(json.dumps(codes) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
    # What modules say at the end of an interpreter is nobody's concern here.
    os._exit(0)
