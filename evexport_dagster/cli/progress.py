"""What a long run is doing, on standard error: bars on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from rich import progress as bars
from rich.console import Console

from evexport_dagster.cli.output import printable, warn
from evexport_dagster.cli.times import window_text
from evexport_dagster.exports import Progress
from evexport_dagster.windows import Window

OnProgress: TypeAlias = Callable[[Progress], None]

_SECONDS_BETWEEN_LINES: Final = 10.0


@contextmanager
def shown_progress(windows: int, zone: ZoneInfo) -> Iterator[OnProgress]:
    """Shows the progress of a run of so many windows, as it is told."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield _lines(windows, zone)
        return
    columns = (
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("windows"),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.description}", markup=False),
    )
    with bars.Progress(*columns, console=console, transient=True) as display:
        yield _bar(display, windows, zone)


def _bar(display: bars.Progress, windows: int, zone: ZoneInfo) -> OnProgress:
    bar = display.add_task("", total=windows)
    seen: set[Window] = set()

    def show(progress: Progress) -> None:
        seen.add(progress.window)
        finished = len(seen) - (progress.stage != "done")
        display.update(bar, completed=finished, description=_state(progress, zone))

    return show


def _state(progress: Progress, zone: ZoneInfo) -> str:
    """`2026-06-14 20:00 to 24:00, writing Charged, 3,400 rows`."""
    state = f"{window_text(progress.window, zone)}, {progress.stage}"
    if progress.event is not None:
        state += f" {progress.event}"
    if progress.rows:
        state += f", {progress.rows:,} rows"
    return printable(state)


def _lines(windows: int, zone: ZoneInfo) -> OnProgress:
    seen: set[Window] = set()
    last = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal last
        seen.add(progress.window)
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            shown = window_text(progress.window, zone)
            warn(f"{progress.export}: window {len(seen)} of {windows}, {shown}", style="")

    return show
