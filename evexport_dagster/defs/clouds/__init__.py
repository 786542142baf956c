"""The clouds' own clients as Dagster resources, signed in as the destinations of a project are.

    @dg.asset
    def loaded(acme_destination: S3Resource) -> None:
        acme_destination.get_client().list_objects_v2(Bucket="acme-events")

Secrets are read from the environment when a client is asked for: they are in no field, no
configuration and no representation of a resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import dagster as dg

from evexport_dagster.settings import Settings

# Names instead of imports: the libraries take seconds to load, and most runs need none of them.
_RESOURCES: Final[Mapping[str, str]] = {
    "s3": "S3DestinationResource",
    "gcs": "GCSDestinationResource",
    "azure": "AzureDestinationResource",
}


def destination_resources(settings: Settings) -> dict[str, dg.ResourceDefinition]:
    """A resource for each bucket and container of a project: `<destination>_destination`, its
    dashes as underscores, because keys are identifiers."""
    return {
        f"{name.replace('-', '_')}_destination": _resource(destination.type, settings.folder, name)
        for name, destination in settings.destinations.items()
        if destination.type in _RESOURCES
    }


def _resource(kind: str, folder: Path, name: str) -> dg.ResourceDefinition:
    @dg.resource(description=f"The client of the destination `{name}` ({kind}).")
    def destination(_: dg.InitResourceContext) -> Any:
        module = import_module(f"{__name__}.{kind}")
        make: Callable[..., Any] = getattr(module, _RESOURCES[kind])
        return make(folder=str(folder), destination=name)

    return destination
