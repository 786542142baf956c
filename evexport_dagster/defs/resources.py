"""What ops and sensors are given: the open project, and an IO manager for each kind of store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evexport_dagster.defs.io_managers import (
    AzureExportIOManager,
    ExportIOManager,
    GCSExportIOManager,
    LocalExportIOManager,
    OnDelivered,
    OnProgress,
    S3ExportIOManager,
)
from evexport_dagster.exports import ExportJob, Project

PROJECT: Final = "project"
IO_MANAGERS: Final[Mapping[str, type[ExportIOManager]]] = {
    "local": LocalExportIOManager,
    "s3": S3ExportIOManager,
    "gcs": GCSExportIOManager,
    "azure": AzureExportIOManager,
}


def io_manager_key(job: ExportJob) -> str:
    """The resource that delivers an export: one for each kind of store."""
    return f"{job.destination.type}_exports"


def resources(
    project: Project,
    on_progress: OnProgress | None = None,
    on_delivered: OnDelivered | None = None,
) -> dict[str, object]:
    """Every resource of a project's exports, by its key."""
    managers = {
        f"{kind}_exports": manager(project, on_progress, on_delivered)
        for kind, manager in IO_MANAGERS.items()
    }
    return {PROJECT: project, **managers}
