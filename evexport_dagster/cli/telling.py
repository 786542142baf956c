"""The notices of a command: told at its end, because there may be nobody else who tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from evexport_dagster.cli.output import warn
from evexport_dagster.errors import ExportError
from evexport_dagster.exports import Project


@contextmanager
def telling(project: Project) -> Iterator[None]:
    """Tell people what is due once the command has done its work, or has failed; whom that does
    not reach is a warning, and is told later."""
    try:
        yield
    except Exception:
        _tell(project)
        raise
    _tell(project)


def _tell(project: Project) -> None:
    try:
        problems = project.send_notices().problems
    except ExportError as error:
        problems = (str(error),)
    for problem in problems:
        warn(f"Warning: {problem}")
