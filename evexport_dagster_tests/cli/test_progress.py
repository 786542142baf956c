from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from evexport_dagster.cli import progress as room
from evexport_dagster.cli.progress import shown_progress
from evexport_dagster.exports import Progress
from evexport_dagster.windows import Window

UTC_ZONE = ZoneInfo("UTC")


def window(day: int) -> Window:
    start = datetime(2026, 6, day, tzinfo=UTC)
    return Window(start, start + timedelta(days=1))


class Clock:
    """A clock on which as much time passes between two looks as is told."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def monotonic(self) -> float:
        self.now += self.seconds
        return self.now


def tell_two_windows() -> None:
    with shown_progress(2, UTC_ZONE) as show:
        for day in (14, 15):
            show(Progress("purchases", window(day), "reading"))
            show(Progress("purchases", window(day), "done", None, 5))


def test_a_short_run_that_is_piped_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    tell_two_windows()

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_long_run_that_is_piped_says_where_it_is_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "time", Clock(6))
    tell_two_windows()

    assert capsys.readouterr().err == (
        "purchases: window 1 of 2, 2026-06-14\npurchases: window 2 of 2, 2026-06-15\n"
    )


def test_a_terminal_has_a_bar_that_goes_away_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", "200")
        for name in ("TTY_COMPATIBLE", "TTY_INTERACTIVE", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        with shown_progress(2, UTC_ZONE) as show:
            show(Progress("purchases", window(14), "done"))
            show(Progress("purchases", window(15), "writing", "Ev\x1b[31mil", 3400))

    shown = terminal.getvalue()
    assert "1/2" in shown
    assert r"2026-06-15, writing Ev\x1b[31mil, 3,400 rows" in shown
    assert shown.endswith("\x1b[2K")
