"""The Dagster instance: where runs and materialisations are kept."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg

from evexport_dagster.settings import Settings, dagster_home

POOL: Final = "exports"
# Dagster would send what the process prints through a file of its own: progress bars break.
_NO_CAPTURE: Final = {
    "compute_logs": {
        "module": "dagster.core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME, else of the project folder, else one that forgets.

    It leaves the terminal to this process.
    """
    home = dagster_home(settings.folder)
    if home is None:
        return dg.DagsterInstance.ephemeral()
    with _alone_in(home):
        # Despite its name: the one public way to open a folder's instance with other settings.
        instance = dg.DagsterInstance.local_temp(str(home), overrides=_NO_CAPTURE)
        instance.get_runs_count()
        instance.get_dynamic_partitions(POOL)
    return instance


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Make others wait: Dagster's tables are made at first use, and two at once would both fail."""
    place = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def set_pool_limit(instance: dg.DagsterInstance, runs: int) -> None:
    """Let so many runs of exports go at one time.

    With a default limit alone, the first runs of a new pool overlap.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    limits = {limit.name: limit.limit for limit in storage.get_pool_limits()}
    if limits.get(POOL) != runs:
        storage.set_concurrency_slots(POOL, runs)
