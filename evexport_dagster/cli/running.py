"""A run in this process, as `run` and `demo` do it: the same assets as Dagster's own runs."""

from __future__ import annotations

from collections.abc import Sequence

from evexport_dagster.cli.progress import shown_progress
from evexport_dagster.cli.telling import telling
from evexport_dagster.defs.launch import run_tasks
from evexport_dagster.exports import Project, RunResult, Task


def run_with_progress(project: Project, name: str, tasks: Sequence[Task]) -> RunResult:
    """Delivers the tasks of one export through Dagster, and shows how far it is."""
    zone = project.settings.account.zone
    with telling(project), shown_progress(len(tasks), zone) as show:
        receipts = run_tasks(project, tasks, on_progress=show)
    return project.result(name, receipts)
