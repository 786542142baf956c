"""The lease on a window, kept alive while a run delivers it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event as Signal
from threading import Thread

from evexport_dagster.errors import BusyError, StoppedError, UnavailableError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.holders import is_gone
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import Lease, RegisteredExport
from evexport_dagster.windows import Window

LEASE = timedelta(minutes=2)
_BEAT_SECONDS = 5.0
_POLL_SECONDS = 0.5


@contextmanager
def held(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    window: Window,
    holder: str,
    on_wait: Callable[[], None],
) -> Iterator[Callable[[], None]]:
    """Hold a window, once nobody else does; gives a function that raises when the run must end.

    `on_wait` is called now and then while another run holds the window. The lease of a process
    that was killed on this machine is taken over at once, any other after it was silent for
    `LEASE`.
    """
    leases, place = context.ledger.leases, (export.export_id, window.start, holder)
    while not taken(context, *place):
        on_wait()
        time.sleep(_POLL_SECONDS)
    stop, lost = Signal(), Signal()

    def keep() -> None:
        while not stop.wait(_BEAT_SECONDS):
            try:
                alive = leases.heartbeat(*place, context.clock())
            except UnavailableError:
                # The lease outlives several beats, and nothing is recorded without it.
                continue
            if not alive:
                lost.set()
                return

    def beat() -> None:
        if lost.is_set():
            _refuse_stopped(context, job)
            raise BusyError(f"export {job.name!r}: another run took the window over")

    keeper = Thread(target=keep, name="lease", daemon=True)
    keeper.start()
    try:
        yield beat
    finally:
        stop.set()
        keeper.join()
        leases.release(*place)


def taken(context: Context, export_id: int, window_start: datetime, holder: str) -> bool:
    """Whether the holder has the window now: nobody else had it, or one that is gone."""
    leases, place = context.ledger.leases, (export_id, window_start)
    if leases.acquire(*place, holder, context.clock(), LEASE):
        return True
    for lease in leases.holders(export_id):
        if lease.window_start == window_start and is_gone(lease.holder):
            leases.release(*place, lease.holder)
            return leases.acquire(*place, holder, context.clock(), LEASE)
    return False


def is_alive(context: Context, lease: Lease) -> bool:
    """Whether the holder of a lease can be at work."""
    return context.clock() - lease.heartbeat_at <= LEASE and not is_gone(lease.holder)


def _refuse_stopped(context: Context, job: ExportJob) -> None:
    export = context.ledger.exports.get(job.name)
    if export is not None and export.state == "stopped":
        raise StoppedError(f"export {job.name!r} was stopped")
