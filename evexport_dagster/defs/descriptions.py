"""What an asset says of itself, in plain words: for people who know marketing, not Dagster."""

from __future__ import annotations

from datetime import date, timedelta

from evexport_dagster.exports import ExportJob, Project
from evexport_dagster.plan import PlannedEvent, WindowPlan
from evexport_dagster.settings import LocalDestination
from evexport_dagster.text import counted, path_segment
from evexport_dagster.windows import window_containing

_MOST_EVENTS = 12
_FORMATS = {"csv": "CSV", "json": "JSON", "xml": "XML", "parquet": "Parquet"}


def description(project: Project, job: ExportJob, shown_from: date) -> str:
    """Markdown: what is exported, from when, how often, to where, in what form; and how to do a
    window again, be it one that is shown or an older one."""
    parts = [
        *([job.spec.description] if job.spec.description else []),
        _state(project, job),
        f"**What is exported:** {_events(job)}.",
        f"**When:** {_when(job)}",
        f"**Where to:** {_place(job)}, as {_FORMATS[job.spec.format]} files. {_file(project, job)}",
        _again(job, shown_from),
        _failures(job),
        f"Made from `{_file_name(project, job)}`.",
    ]
    return "\n\n".join(part for part in parts if part)


def _state(project: Project, job: ExportJob) -> str:
    registered = project.registered(job.name)
    if registered is None:
        return (
            "**Not created yet:** nothing runs by itself until `evexport create"
            f" {job.name}`, or the first run."
        )
    if registered.state == "stopped":
        day = registered.state_at.astimezone(job.zone).date()
        return f"**Stopped for ever** on {day}: it never runs again; its files stay where they are."
    return ""


def _events(job: ExportJob) -> str:
    select = job.spec.events.select
    together = "; all of them in the same files" if job.spec.files_as.series else ""
    if job.spec.type == "profiles":
        changed = ", then those that changed" if job.last_day is None else ""
        return f"the profiles of all users{changed}"
    if select in ("all", "system"):
        kind = "" if select == "all" else "system "
        return f"every {kind}event that users do; a new {kind}event joins by itself{together}"
    names = job.source_events or ()
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_EVENTS])
    more = len(names) - _MOST_EVENTS
    rest = f" and {more} more" if more > 0 else ""
    return f"{counted(len(names), 'event')}: {shown}{rest}{together}"


def _when(job: ExportJob) -> str:
    zone, settle = job.zone.key, f"{job.settle.total_seconds() / 60:g} minutes"
    if job.last_day is not None:
        return f"once, day by day: {job.first_day} to {job.last_day} (time of {zone})."
    often = "once a day, at midnight" if job.cadence == 24 else f"every {job.cadence} hours"
    return (
        f"{often} (time of {zone}), since {job.first_day}. Each time it takes the"
        f" {job.cadence} hours before, its window, {settle} after they are over."
    )


def _place(job: ExportJob) -> str:
    spec, destination = job.spec, job.destination
    prefix = f"/{destination.prefix}" if destination.prefix else ""
    if isinstance(destination, LocalDestination):
        return f"the folder `{destination.path}{prefix}`"
    kinds = {"s3": "Amazon S3", "gcs": "Google Cloud Storage", "azure": "Azure Blob Storage"}
    below = f", below `{destination.prefix}/`" if destination.prefix else ""
    return f"{kinds[destination.type]} (destination `{spec.destination}`{below})"


def _file(project: Project, job: ExportJob) -> str:
    """The name of one file, as an example; before creation nobody knows the export's id."""
    registered = project.registered(job.name)
    if registered is None:
        return ""
    name = (job.listed_events or ("App Launched",))[0] if job.spec.type == "events" else ""
    plan = WindowPlan(
        account=project.settings.account,
        export_id=registered.export_id,
        revision=registered.revision.number,
        spec=job.spec,
        window=window_containing(job.start, job.cadence, job.zone),
        events=(),
    )
    return f"For example `{plan.key(PlannedEvent(name, path_segment(name)), 0, 0)}`."


def _again(job: ExportJob, shown_from: date) -> str:
    older = (
        f" Windows before {shown_from} are not shown here: `evexport run {job.name} --from"
        f" {job.first_day} --to {job.first_day + timedelta(days=1)}` does one day of them."
        if shown_from > job.first_day
        else ""
    )
    created = "" if job.listed_events is not None else " (events are there once it is created)"
    return (
        "**To deliver a window again:** open *Partitions*, press *Materialize*, choose the windows"
        f" and the events{created}, and launch. The same files are replaced: nothing is doubled."
        f"{older}"
    )


def _failures(job: ExportJob) -> str:
    return (
        "**When it fails:** it is tried again by itself, and later windows wait for their turn. If"
        " its destination refuses us, or its file is wrong, somebody has to mend that first: the"
        f" failed run says what. `evexport show {job.name}` tells the whole history."
    )


def _file_name(project: Project, job: ExportJob) -> str:
    return job.file.relative_to(project.settings.folder).as_posix()
