"""`evexport create`."""

from __future__ import annotations

from pathlib import Path

import click

from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Output
from evexport_dagster.exports import load_project


@click.command(epilog=example("evexport create purchases"))
@name_argument
@project_options
def command(name: str, folder: Path, out: Output) -> None:
    """Register the export NAME: its id, its columns, revision 1.

    `evexport run` does so by itself the first time. From then on the export does not change
    silently: `evexport edit` registers a changed spec.

    With --json: {"created": [{"export", "export_id", "revision", "type", "status", "events"}]}.
    """
    with load_project(folder) as project:
        created = [(it, project.events(it.name)) for it in project.create(name)]
    for export, events in created:
        out.say(
            f"Created {export.name}: export id {export.export_id}, revision"
            f" {export.revision.number}."
        )
        out.say(*(f"  {event.name}" for event in events))
    out.say("", f"Deliver it with: evexport run {name}")
    out.document(
        {
            "created": [
                {
                    "export": export.name,
                    "export_id": export.export_id,
                    "revision": export.revision.number,
                    "type": export.type,
                    "status": export.state,
                    "events": [event.name for event in events],
                }
                for export, events in created
            ]
        }
    )
