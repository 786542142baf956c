"""What ops and sensors are given: the open project, and an IO manager for each kind of store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

IO_MANAGERS: Final[Mapping[str, type[ExportIOManager]]] = {
    "local": LocalExportIOManager,
    "s3": S3ExportIOManager,
    "gcs": GCSExportIOManager,
    "azure": AzureExportIOManager,
}


@dataclass(frozen=True)
class Keys:
    """What a project's resources and sensors are called; `scope` keeps apart those of several
    that are open in one code location."""

    scope: str = ""

    @property
    def project(self) -> str:
        """The resource that is the open project."""
        return self.of("project")

    def io_manager(self, job: ExportJob) -> str:
        """The resource that delivers an export: one for each kind of store."""
        return self.of(f"{job.destination.type}_exports")

    def of(self, name: str) -> str:
        """A name of its own for a resource or a sensor."""
        return f"{name}__{self.scope}" if self.scope else name

    def opened(self, resources: object) -> Project:
        """The open project among the resources of a run or a sensor."""
        project: Project = getattr(resources, self.project)
        return project


PLAIN: Final = Keys()
"""The keys of the one project of a code location."""


def resources(
    project: Project,
    on_progress: OnProgress | None = None,
    on_delivered: OnDelivered | None = None,
    keys: Keys = PLAIN,
) -> dict[str, object]:
    """Every resource of a project's exports, by its key."""
    managers = {
        keys.of(f"{kind}_exports"): manager(project, on_progress, on_delivered)
        for kind, manager in IO_MANAGERS.items()
    }
    return {keys.project: project, **managers}
