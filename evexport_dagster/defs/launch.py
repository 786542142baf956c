"""Runs of exports in this process: the same assets, so that the Dagster UI shows them too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from evexport_dagster.defs.assets import TAKE_MISSING, TAKE_TAG, export_asset
from evexport_dagster.defs.display import add_events
from evexport_dagster.defs.instance import open_instance, set_pool_limit
from evexport_dagster.defs.io_managers import OnProgress
from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.defs.resources import resources
from evexport_dagster.defs.selection import selection
from evexport_dagster.errors import BugError
from evexport_dagster.exports import ExportJob, Project, Task
from evexport_dagster.ledger import Receipt

_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_tasks(
    project: Project,
    tasks: Iterable[Task],
    *,
    instance: dg.DagsterInstance | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Receipt, ...]:
    """Deliver tasks in their order, one Dagster run each; gives the receipts of their events.

    `instance` defaults to that of DAGSTER_HOME, else of the project folder. Nothing is printed.
    Raises the error of the first run that fails, as the project's own verbs do.
    """
    if instance is None:
        with open_instance(project.settings) as opened:
            return run_tasks(project, tasks, instance=opened, on_progress=on_progress)
    set_pool_limit(instance, project.settings.runtime.concurrent_runs)
    receipts: list[Receipt] = []
    given = resources(project, on_progress, receipts.extend)
    launchers: dict[str, _Launcher] = {}
    for task in tasks:
        if task.export not in launchers:
            project.ensure_current(task.export)
            launchers[task.export] = _Launcher(project, project.job(task.export), given)
        launchers[task.export].run(task, instance)
    return tuple(receipts)


class _Launcher:
    """The asset of one export, ready to run."""

    def __init__(self, project: Project, job: ExportJob, given: dict[str, object]) -> None:
        self._project, self._job = project, job
        self._asset = export_asset(project, job, _today(job))
        definitions = dg.Definitions(
            assets=[self._asset],
            resources=given,
            executor=dg.in_process_executor,
        )
        self._runnable = definitions.resolve_implicit_global_asset_job_def()

    def run(self, task: Task, instance: dg.DagsterInstance) -> None:
        """Deliver a task in a run of its own."""
        add_events(self._project, self._job, instance)
        partitions = self._asset.partitions_def
        assert partitions is not None
        told = selection(self._job, task, partitions, instance)
        with _unwrapped():
            self._runnable.execute_in_process(
                instance=instance,
                asset_selection=[asset_key(self._job.name)],
                partition_key=told.partition_key,
                tags={**told.tags, **({} if task.again else {TAKE_TAG: TAKE_MISSING})},
                run_config={**_QUIET, **told.ops},
            )


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Raise what an export raised, without what Dagster wrapped around it."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError as error:
        raise KeyboardInterrupt from error
    except dg.DagsterError as error:
        cause = _cause(error)
        if cause is None:
            raise BugError(f"Dagster could not run the export: {error}") from error
        raise cause from None


def _cause(error: BaseException) -> BaseException | None:
    """The first error in the chain that is not Dagster's own."""
    found: BaseException | None = error
    while isinstance(found, dg.DagsterError):
        found = getattr(found, "user_exception", None) or found.__cause__
    return found


def _today(job: ExportJob) -> dt.date:
    return dt.datetime.now(job.zone).date()
