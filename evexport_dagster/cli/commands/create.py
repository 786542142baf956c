"""`evexport create`."""

from __future__ import annotations

from pathlib import Path

import click

from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Document, Output
from evexport_dagster.exports import ExportDetail, load_project
from evexport_dagster.text import counted


@click.command(epilog=example("evexport create purchases"))
@name_argument
@project_options
def command(name: str, folder: Path, out: Output) -> None:
    """Register the export NAME: its id, its columns, revision 1.

    The first `evexport run` does so by itself. From then on the export does not change silently:
    `evexport edit` registers a changed spec.

    With --json: {"created": [{"export", "export_id", "revision", "type", "status", "events"}]}.
    """
    with load_project(folder) as project:
        is_new = project.registered(name) is None
        details = [project.show(export.name) for export in project.create(name)]
    done = "Created" if is_new else "Registered already:"
    for detail in details:
        events = counted(len(detail.events), "event")
        out.say(f"{done} {detail.row.name}, export id {detail.row.export_id}, {events}:")
        out.say(*(f"  {event.name}" for event in detail.events))
    out.say("", f"Deliver with: evexport run {name}")
    out.document({"created": [_document(detail) for detail in details]})


def _document(detail: ExportDetail) -> Document:
    return {
        "export": detail.row.name,
        "export_id": detail.row.export_id,
        "revision": detail.revisions[-1].number,
        "type": detail.row.type,
        "status": detail.row.status,
        "events": [event.name for event in detail.events],
    }
