"""IO managers: to store an export's batch is to deliver it, window by window."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from evexport_dagster.defs.checks import evaluations
from evexport_dagster.defs.metadata import materialization, stale_files
from evexport_dagster.errors import RefusedError
from evexport_dagster.exports import ExportJob, Progress, Project, Task
from evexport_dagster.first_records import Record
from evexport_dagster.ledger import Receipt
from evexport_dagster.settings import (
    AzureDestination,
    GcsDestination,
    LocalDestination,
    S3Destination,
)

OnProgress = Callable[[Progress], None]
OnDelivered = Callable[[Sequence[Receipt]], None]
FirstRecords = dict[tuple[dt.datetime, str], tuple[Record, ...]]
"""The first records of deliveries that are not shown yet, by window and event."""


@dataclass(frozen=True)
class Batch:
    """What a run is to deliver: nothing of it has been read yet."""

    job: ExportJob
    tasks: tuple[Task, ...]


class ExportIOManager(dg.IOManager, ABC):
    """Delivers batches to one kind of destination, and shows each delivery as it is recorded.

    A kind of destination is a class of its own because it says by which URI files are found.
    """

    def __init__(
        self,
        project: Project,
        on_progress: OnProgress | None = None,
        on_delivered: OnDelivered | None = None,
    ) -> None:
        self._project = project
        self._on_progress = on_progress
        self._on_delivered = on_delivered

    @abstractmethod
    def root(self, job: ExportJob) -> str:
        """The URI below which the keys of an export lie, without a slash at its end."""

    def handle_output(  # type: ignore[override]  # Dagster takes generators, and says None
        self, context: dg.OutputContext, obj: Batch
    ) -> Iterator[dg.DagsterEvent]:
        """Deliver the batch in time order; what was delivered before a failure stays shown."""
        delivered: list[Receipt] = []
        try:
            for task in obj.tasks:
                delivered += self._deliver(context, obj.job, task)
        except Exception:
            yield from self._check_events(context, obj.job, delivered)
            raise
        yield from self._check_events(context, obj.job, delivered)

    def load_input(self, context: dg.InputContext) -> object:
        """Exports are read where they were delivered, not from here."""
        raise RefusedError("the files of an export are not read back by Dagster")

    def _deliver(self, context: dg.OutputContext, job: ExportJob, task: Task) -> Sequence[Receipt]:
        first: FirstRecords = {}

        def on_progress(progress: Progress) -> None:
            self._show_recorded(context, job, first)
            if progress.event is not None and progress.first_records:
                first[task.window.start, progress.event] = progress.first_records
            if self._on_progress:
                self._on_progress(progress)

        try:
            receipts = self._project.deliver(task, run_id=context.run_id, on_progress=on_progress)
        finally:
            self._show_recorded(context, job, first)
        if context.step_context.instance.is_ephemeral:
            self._show(context, job, receipts, first)
        if self._on_delivered:
            self._on_delivered(receipts)
        rows = sum(receipt.rows for receipt in receipts)
        files = sum(len(receipt.files) for receipt in receipts)
        start = task.window.start.astimezone(job.zone).isoformat(sep=" ", timespec="minutes")
        context.log.info(
            f"The window of {start}: {len(receipts)} events, {rows:,} rows, {files} files"
        )
        return receipts

    def _check_events(
        self, context: dg.OutputContext, job: ExportJob, receipts: Sequence[Receipt]
    ) -> Iterator[dg.DagsterEvent]:
        versions = self._project.unattended.column_versions(job.name)
        for evaluation in evaluations(job, receipts, versions):
            yield dg.DagsterEvent.asset_check_evaluation(context.step_context, evaluation)

    def _show_recorded(
        self, context: dg.OutputContext, job: ExportJob, first: FirstRecords
    ) -> None:
        """Show what this run has recorded since it was last asked."""
        if context.step_context.instance.is_ephemeral:
            # Nobody will see these events: a lasting instance is yet to show the receipts.
            return
        receipts = [it for it in self._project.to_display(job.name) if it.run_id == context.run_id]
        self._show(context, job, receipts, first)
        self._project.mark_displayed(receipts)
        for receipt in receipts:
            if receipt.stale:
                context.log.warning(
                    f"{receipt.event}: {len(receipt.stale)} files of former deliveries are out of"
                    f" date and could not be removed: {', '.join(stale_files(receipt))}"
                )

    def _show(
        self,
        context: dg.OutputContext,
        job: ExportJob,
        receipts: Sequence[Receipt],
        first: FirstRecords,
    ) -> None:
        root, schemas = self.root(job), self._project.unattended.schemas(receipts)
        for it in receipts:
            key = (it.window_start, it.event)
            records, schema = first.pop(key, ()), schemas.get(key)
            shown = materialization(job, it, self._project.settings, root, records, schema)
            context.log_event(shown)


class LocalExportIOManager(ExportIOManager):
    """Delivers to folders on this machine."""

    def root(self, job: ExportJob) -> str:
        """The folder, as a `file://` URI."""
        destination = job.destination
        assert isinstance(destination, LocalDestination)
        return destination.path.as_uri()


class S3ExportIOManager(ExportIOManager):
    """Delivers to buckets of S3, and of the stores that speak its protocol."""

    def root(self, job: ExportJob) -> str:
        """The bucket, as an `s3://` URI."""
        destination = job.destination
        assert isinstance(destination, S3Destination)
        return f"s3://{destination.bucket}"


class GCSExportIOManager(ExportIOManager):
    """Delivers to buckets of Google Cloud Storage."""

    def root(self, job: ExportJob) -> str:
        """The bucket, as a `gs://` URI."""
        destination = job.destination
        assert isinstance(destination, GcsDestination)
        return f"gs://{destination.bucket}"


class AzureExportIOManager(ExportIOManager):
    """Delivers to containers of Azure Blob Storage."""

    def root(self, job: ExportJob) -> str:
        """The container, as an `https://` URI without a token."""
        destination = job.destination
        assert isinstance(destination, AzureDestination)
        return f"{destination.account_url}/{destination.container}"
