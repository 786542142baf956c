"""The ledger is the truth, Dagster displays it: what it does not show yet is shown here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg

from evexport_dagster.defs.metadata import asset_key, materialization
from evexport_dagster.defs.partitions import dynamic_events, event_key
from evexport_dagster.exports import ExportJob, Project
from evexport_dagster.ledger import Receipt, RegisteredExport
from evexport_dagster.lifecycle import status_of

GRACE: Final = dt.timedelta(minutes=2)
"""How long a run that seems alive may take to show what it has recorded: as long as its lease."""


def repair(project: Project, job: ExportJob, root: str, instance: dg.DagsterInstance) -> int:
    """Show what was recorded but never shown: a run was killed in between, or ran elsewhere.

    Gives the number of deliveries that were shown.
    """
    if instance.is_ephemeral:
        return 0
    now = dt.datetime.now(dt.UTC)
    lost = [it for it in project.to_display(job.name) if _is_lost(it, instance, now)]
    schemas = project.unattended.schemas(lost)
    for receipt in lost:
        schema = schemas.get((receipt.window_start, receipt.event))
        shown = materialization(job, receipt, project.settings, root, schema=schema)
        instance.report_runless_asset_event(shown)
    project.mark_displayed(lost)
    return len(lost)


def unknown_events(project: Project, job: ExportJob, instance: dg.DagsterInstance) -> Sequence[str]:
    """The keys of registered events that are not partitions yet, in order."""
    partitions = dynamic_events(job)
    if partitions is None or partitions.name is None:
        return ()
    known = set(instance.get_dynamic_partitions(partitions.name))
    keys = [event_key(event.name) for event in project.events(job.name)]
    return [key for key in keys if key not in known]


def add_events(project: Project, job: ExportJob, instance: dg.DagsterInstance) -> None:
    """Make every registered event of an export a partition."""
    partitions, keys = dynamic_events(job), unknown_events(project, job, instance)
    if partitions is not None and partitions.name is not None and keys:
        instance.add_dynamic_partitions(partitions.name, list(keys))


def show_status(
    export: RegisteredExport, instance: dg.DagsterInstance, known: Mapping[str, str]
) -> str:
    """Show on the asset what has become of an export, where `known` does not tell it yet.

    Whether it is running the asset shows by itself. Gives the status.
    """
    status = status_of(export.state, running=False)
    if known.get(export.name) != status:
        metadata = {
            "status": dg.MetadataValue.text(status),
            "export id": dg.MetadataValue.text(str(export.export_id)),
            "revision": dg.MetadataValue.int(export.revision.number),
            "since": dg.MetadataValue.timestamp(export.state_at),
        }
        key, said = asset_key(export.name), f"The export is {status.lower()}"
        instance.report_runless_asset_event(dg.AssetObservation(key, said, metadata=metadata))
    return status


def _is_lost(receipt: Receipt, instance: dg.DagsterInstance, now: dt.datetime) -> bool:
    run = instance.get_run_by_id(receipt.run_id)
    return run is None or run.is_finished or now - receipt.recorded_at > GRACE
