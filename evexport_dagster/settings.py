"""`evexport.yaml`, read and resolved; the only place that reads the environment."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from evexport_dagster.errors import SpecError
from evexport_dagster.spec.catalog import Catalog, built_in_catalog
from evexport_dagster.spec.document import Document, ValuePath
from evexport_dagster.spec.fields import nearest
from evexport_dagster.spec.model_destinations import (
    AzureDestination,
    Destination,
    GcsDestination,
    LocalDestination,
    S3Destination,
)
from evexport_dagster.spec.model_project import (
    Account,
    Mail,
    Notifications,
    Project,
    Runtime,
    Webhook,
)
from evexport_dagster.spec.model_sources import REMOTE, Relation, Source, cloud_of
from evexport_dagster.spec.reading import read_document
from evexport_dagster.spec.texts import Secret
from evexport_dagster.spec.validate import PathFault, raise_faults, validated

__all__ = [
    "PROJECT_FILE",
    "Account",
    "AzureDestination",
    "Destination",
    "GcsDestination",
    "LocalDestination",
    "Mail",
    "Notifications",
    "Relation",
    "Runtime",
    "S3Destination",
    "Secret",
    "Settings",
    "Source",
    "Webhook",
    "dagster_home",
    "destination_of",
    "load_settings",
    "project_folder",
    "reveal",
]

PROJECT_FILE: Final = "evexport.yaml"
_DAGSTER_FILE: Final = "dagster.yaml"

_SQLITE = "sqlite:///"
_VARIABLE: Final = re.compile(r"Secret\(env='([^']*)'\)")
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Settings:
    """What all exports of a project share; every path in it is absolute."""

    folder: Path
    account: Account
    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    notifications: Notifications
    catalog: Catalog
    runtime: Runtime

    def connection(self, source: str) -> Destination | None:
        """The destination whose credentials read a source; None for those of the environment."""
        name = self.sources[source].connection
        return None if name is None else self.destinations[name]

    def ledger_url(self, environ: Mapping[str, str] = os.environ) -> str:
        """The ledger's URL, absolute for SQLite; it can hold a password, so it is never shown."""
        ledger = self.runtime.ledger
        url = reveal(ledger, environ) if isinstance(ledger, Secret) else ledger
        return _absolute_url(url, self.folder)

    def digest(self, *more: object, environ: Mapping[str, str] = os.environ) -> str:
        """What changes with these settings, with what `more` there is, and with which of the
        variables that they name are set: not with their values, which are nobody's to keep."""
        said = repr((self, more))
        unset = sorted({name for name in _VARIABLE.findall(said) if not environ.get(name)})
        return hashlib.sha256(repr((said, unset)).encode("utf-8")).hexdigest()


def reveal(secret: Secret, environ: Mapping[str, str] = os.environ) -> str:
    """The value of a secret; raises SpecError where its variable is not set or empty."""
    value = environ.get(secret.env, "")
    if not value:
        raise SpecError(
            f"the environment variable {secret.env} is not set: set it to the secret, or correct "
            f"`{{env: {secret.env}}}` in {PROJECT_FILE} or in the file of the export"
        )
    return value


def destination_of(folder: Path | str, name: str, kind: type[_M]) -> _M:
    """A destination of a project by its name; raises SpecError where there is none of its kind."""
    found = load_settings(folder).destinations.get(name)
    if not isinstance(found, kind):
        raise SpecError(f"{folder} has no destination {name!r} of this type: see {PROJECT_FILE}")
    return found


def project_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The project that Dagster loads: the folder EVEXPORT_PROJECT, else the current one."""
    return Path(environ.get("EVEXPORT_PROJECT") or ".").absolute()


def dagster_home(folder: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where Dagster keeps its runs: DAGSTER_HOME, else the project where it has dagster.yaml."""
    home = environ.get("DAGSTER_HOME")
    if home:
        return Path(home).absolute()
    return folder if (folder / _DAGSTER_FILE).is_file() else None


def load_settings(project_dir: Path | str) -> Settings:
    """The settings of a project folder; raises SpecError with every fault of the file."""
    folder = Path(project_dir).absolute()
    path = folder / PROJECT_FILE
    if not path.is_file():
        raise SpecError(
            f"{folder} is not a project: it has no {PROJECT_FILE}. "
            f"`evexport init DIR` makes a project that runs at once."
        )
    document = read_document(path, PROJECT_FILE)
    project, faults = validated(Project, document)
    faults += _connection_faults(document)
    raise_faults(document, faults)
    assert project is not None
    return _resolved(project, folder)


def _resolved(project: Project, folder: Path) -> Settings:
    names = project.catalog
    return Settings(
        folder=folder,
        account=project.account,
        sources={name: _local_source(it, folder) for name, it in project.sources.items()},
        destinations={name: _local_place(it, folder) for name, it in project.destinations.items()},
        notifications=project.notifications,
        catalog=built_in_catalog().extended(names.system, names.engagement),
        runtime=_local_runtime(project.runtime, folder),
    )


def _connection_faults(document: Document) -> Iterator[PathFault]:
    """What is wrong with connections, whatever else is wrong in the file."""
    known = {str(path[-1]): it for path, it in document.match(("destinations", "*"))}
    for path, given in document.match(("sources", "*", "connection")):
        clouds = _clouds(document, path[:-1])
        if not isinstance(given, str):
            continue
        if given not in known:
            yield (
                path,
                document.fault(path, f"expected the name of a destination{nearest(given, known)}"),
            )
        elif clouds and document.get(("destinations", given, "type")) not in (
            fitting := {"azure"} & clouds or clouds
        ):
            kinds = " or ".join(sorted(fitting))
            yield path, document.fault(path, f"expected a destination of type {kinds}")


def _clouds(document: Document, source: ValuePath) -> set[str]:
    paths = (document.get((*source, it, "from")) for it in ("events", "profiles"))
    return {cloud for it in paths if isinstance(it, str) and (cloud := cloud_of(it))}


def _local_runtime(runtime: Runtime, folder: Path) -> Runtime:
    ledger = runtime.ledger
    url = ledger if isinstance(ledger, Secret) else _absolute_url(ledger, folder)
    return _with(runtime, scratch=_absolute(runtime.scratch, folder), ledger=url)


def _local_place(destination: Destination, folder: Path) -> Destination:
    if isinstance(destination, LocalDestination):
        return _with(destination, path=_absolute(destination.path, folder))
    return destination


def _local_source(source: Source, folder: Path) -> Source:
    if source.database is not None:
        # With a database, `from` names a table.
        return _with(source, database=_absolute(source.database, folder))
    return _with(
        source,
        events=_with(source.events, from_=_glob(source.events.from_, folder)),
        profiles=_with(source.profiles, from_=_glob(source.profiles.from_, folder)),
    )


def _with(model: _M, **values: object) -> _M:
    return model.model_copy(update=values)


def _absolute(path: Path, folder: Path) -> Path:
    return Path(os.path.normpath(folder / path))


def _glob(path: str | None, folder: Path) -> str | None:
    if path is None or REMOTE.match(path):
        return path
    return os.path.normpath(folder / path)


def _absolute_url(url: str, folder: Path) -> str:
    path = url.removeprefix(_SQLITE)
    if path == url or path in ("", ":memory:"):
        return url
    return f"{_SQLITE}{_absolute(Path(path), folder)}"
