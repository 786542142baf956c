"""`evexport edit`."""

from __future__ import annotations

from pathlib import Path

import click

from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Output
from evexport_dagster.exports import load_project


@click.command(epilog=example("evexport edit purchases"))
@name_argument
@project_options
def command(name: str, folder: Path, out: Output) -> None:
    """Register the changed spec of the export NAME as its next revision.

    Shows what is different. It counts from the next run on; what was delivered stays.

    With --json: {"export", "export_id", "revision", "difference": [...]}.
    """
    with load_project(folder) as project:
        edited = project.edit(name)
    export, number = edited.export, edited.export.revision.number
    out.say(f"{export.name} is at revision {number} now:")
    out.say(*(f"  {line}" for line in edited.difference))
    out.document(
        {
            "export": export.name,
            "export_id": export.export_id,
            "revision": number,
            "difference": list(edited.difference),
        }
    )
