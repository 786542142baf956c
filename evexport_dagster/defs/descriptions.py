"""What an asset says of itself, in plain words."""

from __future__ import annotations

from evexport_dagster.exports import ExportJob, Project
from evexport_dagster.settings import LocalDestination

_MOST_EVENTS = 12


def description(project: Project, job: ExportJob) -> str:
    """Markdown: what is exported, where to, when, and how to do it again."""
    spec = job.spec
    parts = [
        *([spec.description] if spec.description else []),
        f"**What:** {_events(job)}, as `.{spec.extension}` files.",
        f"**Where:** {_place(job)}.",
        f"**When:** {_when(job)}",
        _PARTITIONS if job.listed_events is not None else _PARTITIONS + _new_events(job),
        _again(job),
        f"Made from `{job.file.relative_to(project.settings.folder).as_posix()}`.",
    ]
    return "\n\n".join(parts)


_PARTITIONS = "**Partitions:** each one is a window of event time and an event name."


def _events(job: ExportJob) -> str:
    select = job.spec.events.select
    if select == "all":
        return "every event of the account"
    if select == "system":
        return "every system event of the account"
    names = job.listed_events or ()
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_EVENTS])
    more = len(names) - _MOST_EVENTS
    rest = f" and {more} more" if more > 0 else ""
    return f"{len(names)} event{'s'[: len(names) != 1]} ({shown}{rest})"


def _place(job: ExportJob) -> str:
    spec, destination = job.spec, job.destination
    prefix = f", below `{destination.prefix}/`" if destination.prefix else ""
    if isinstance(destination, LocalDestination):
        return f"the folder `{destination.path}`{prefix} (destination `{spec.destination}`)"
    return f"the destination `{spec.destination}` ({destination.type}){prefix}"


def _when(job: ExportJob) -> str:
    zone = job.zone.key
    if job.last_day is not None:
        return f"once, day by day: {job.first_day} to {job.last_day} ({zone})."
    return (
        f"windows of {job.cadence} hours by the clock of {zone}, from {job.first_day} on; a window"
        f" can be delivered once it has been over for {job.settle.total_seconds() / 60:g} minutes."
    )


def _new_events(job: ExportJob) -> str:
    return (
        f" Event names become partitions when the export is created (`evexport create {job.name}`)"
        " and as the source brings new ones."
    )


def _again(job: ExportJob) -> str:
    return (
        "**To deliver again:** materialize the partitions: the same files are replaced, nothing is"
        f" doubled. `evexport run {job.name}` delivers what is missing."
    )
