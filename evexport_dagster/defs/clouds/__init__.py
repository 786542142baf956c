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
from itertools import chain, count
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
    """A resource for each bucket and container of a project: `<destination>_destination`.

    Keys are identifiers: dashes become underscores. Where another destination is called so, `_2`
    and so on is appended to the one with dashes.
    """
    clouds = {name: it.type for name, it in settings.destinations.items() if it.type in _RESOURCES}
    keys: dict[str, str] = {}
    for name in sorted(clouds, key=lambda it: ("-" in it, it)):
        plain = name.replace("-", "_")
        numbered = (f"{plain}_{number}" for number in count(2))
        keys[next(key for key in chain([plain], numbered) if key not in keys)] = name
    return {
        f"{key}_destination": _resource(clouds[name], settings.folder, name)
        for key, name in keys.items()
    }


def _resource(kind: str, folder: Path, name: str) -> dg.ResourceDefinition:
    @dg.resource(description=f"The client of the destination `{name}` ({kind}).")
    def destination(_: dg.InitResourceContext) -> Any:
        module = import_module(f"{__name__}.{kind}")
        make: Callable[..., Any] = getattr(module, _RESOURCES[kind])
        return make(folder=str(folder), destination=name)

    return destination
