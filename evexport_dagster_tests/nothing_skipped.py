"""A pytest plugin: a test that is skipped or expected to fail tells nothing, so the run fails."""

from __future__ import annotations

import pytest


class NothingSkipped:
    """Collects what did not run, names it, and fails a run that would have passed."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that was skipped, or that was expected to fail (and did, or did not)."""
        if report.skipped or hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole file that was skipped."""
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Nothing but a pass becomes a failure; other endings stay what they are."""
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line, above pytest's own last one."""
        terminalreporter.write_line(" ".join([f"skipped: {len(self.skipped)}", *self.skipped]))


def pytest_configure(config: pytest.Config) -> None:
    """Watch this run."""
    config.pluginmanager.register(NothingSkipped(), "nothing_skipped")
