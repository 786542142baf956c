"""`evexport stop`."""

from __future__ import annotations

from pathlib import Path

import click

from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Output
from evexport_dagster.cli.telling import telling
from evexport_dagster.exports import load_project
from evexport_dagster.lifecycle import status_of


@click.command(epilog=example("evexport stop purchases"))
@name_argument
@project_options
def command(name: str, folder: Path, out: Output) -> None:
    """Stop the export NAME for ever; what was delivered stays.

    A stopped export never runs again, and its name cannot be used again. An export is stopped
    even where its file is wrong or gone.

    With --json: {"export", "export_id", "revision", "status"}.
    """
    with load_project(folder) as project, telling(project):
        export = project.stop(name)
    out.say(f"Stopped {export.name} for ever. What it delivered stays where it is.")
    out.document(
        {
            "export": export.name,
            "export_id": export.export_id,
            "revision": export.revision.number,
            "status": status_of(export.state, running=False),
        }
    )
