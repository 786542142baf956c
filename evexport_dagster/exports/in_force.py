"""The export as it runs: by its registered revision, whatever its file has come to say since."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob, job_of
from evexport_dagster.ledger import RegisteredExport
from evexport_dagster.settings import (
    Account,
    Destination,
    LocalDestination,
    Settings,
    Source,
)
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.spec.model_sources import REMOTE
from evexport_dagster.spec.revisions import MEANINGLESS, fingerprint, meaning, restored

_DESTINATION: Final[TypeAdapter[Destination]] = TypeAdapter(Destination)


def in_force(
    context: Context, export: RegisteredExport, written: ExportJob | None
) -> tuple[Context, ExportJob]:
    """A registered export as its revision is, with the part of the project that it means.

    How it is shown and who is told follows the file, `written`, where that can be read;
    credentials and the runtime are always those of the project. Where this has no destination any
    more that was registered, the settings have none, and whoever opens the store is told.
    """
    if written is not None and _is_current(context, export, written):
        return context, written
    held = json.loads(export.revision.meaning)
    spec = restored(held["spec"])
    if written is not None:
        spec = _shown_as(spec, written.spec)
    settings = _meant(context.settings, held["meaning"])
    file = written.file if written else context.settings.folder / "exports" / f"{export.name}.yaml"
    job = job_of(spec, export.kind, file, settings)
    if not _has_destination(context.settings, job):
        kept = {name: it for name, it in settings.destinations.items() if name != spec.destination}
        settings = replace(settings, destinations=kept)
    if "engagement" in held:
        job = replace(job, engagement=tuple(held["engagement"]))
    return context.within(settings), job


def _is_current(context: Context, export: RegisteredExport, written: ExportJob) -> bool:
    frozen = json.loads(export.revision.meaning).get("engagement")
    if frozen is not None and tuple(frozen) != written.engagement:
        return False
    return export.revision.fingerprint == fingerprint(meaning(written.spec, context.settings))


def _has_destination(settings: Settings, job: ExportJob) -> bool:
    now = settings.destinations.get(job.spec.destination)
    return job.destination.type == "local" or (now is not None and now.type == job.destination.type)


def _shown_as(spec: ExportSpec, written: ExportSpec) -> ExportSpec:
    return spec.model_copy(update={key: getattr(written, key) for key in MEANINGLESS})


def _meant(settings: Settings, meant: Mapping[str, Any]) -> Settings:
    """The settings with the account, source and destination that a revision means."""
    source, destination = meant["source"]["name"], meant["destination"]["name"]
    return replace(
        settings,
        account=_account(settings.account, meant["account"]),
        sources={**settings.sources, source: _source(meant["source"], settings.folder)},
        destinations={
            **settings.destinations,
            destination: _destination(settings, destination, meant["destination"]),
        },
    )


def _account(account: Account, meant: Mapping[str, Any]) -> Account:
    return account.model_copy(update={"id": meant["id"], "timezone": meant["timezone"]})


def _source(meant: Mapping[str, Any], folder: Path) -> Source:
    values = {key: meant[key] for key in ("events", "profiles", "database") if key in meant}
    if "database" in values:
        # With a database, `from` names a table.
        values["database"] = _absolute(values["database"], folder)
    else:
        for name in ("events", "profiles"):
            values[name] = _located(values[name], folder)
    return Source.model_validate_json(json.dumps(values))


def _located(relation: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    path = relation.get("from")
    if path is None or REMOTE.match(path):
        return dict(relation)
    return {**relation, "from": _absolute(path, folder)}


def _destination(settings: Settings, name: str, meant: Mapping[str, Any]) -> Destination:
    """The place that was registered, with what the project says of how one gets in."""
    place = {key: value for key, value in meant.items() if key not in ("name", "type", "path")}
    if meant["type"] == "local":
        path = Path(_absolute(meant["path"], settings.folder))
        return LocalDestination(type="local", path=path, prefix=meant.get("prefix"))
    now = settings.destinations.get(name)
    if now is None or now.type != meant["type"]:
        return _DESTINATION.validate_python({"type": meant["type"], **place})
    cleared = {key: None for key in ("endpoint", "prefix") if key not in place}
    return now.model_copy(update={**cleared, **place})


def _absolute(path: str, folder: Path) -> str:
    return os.path.normpath(folder / path)
