"""`evexport preview`."""

from __future__ import annotations

from pathlib import Path

import click

from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Output
from evexport_dagster.cli.previews import preview_document, say_preview
from evexport_dagster.cli.times import typed_instant
from evexport_dagster.exports import load_project


@click.command(epilog=example("evexport preview purchases --event Charged --rows 1"))
@name_argument
@click.option("--event", metavar="E", help="Only this event.")
@click.option(
    "--rows",
    metavar="N",
    type=click.IntRange(min=0),
    default=3,
    help="How many records of each event (default: 3).",
)
@click.option(
    "--window",
    metavar="START",
    help="The window that starts then, such as 2026-06-14 or 2026-06-14T08:00"
    " (default: the first ended one that has rows).",
)
@project_options
def command(
    name: str, event: str | None, rows: int, window: str | None, folder: Path, out: Output
) -> None:
    """Show what the export NAME would deliver for one window; writes nothing.

    Paths, columns, counts and records are those of real rows. Before the export is created its
    id, which is in the paths, is provisional.

    With --json: {"deliveries": [{"export_id", "provisional", "window", "event", "instance",
    "rows", "keys"}], "columns": {event: [...]}, "records": {event: [...]}}.
    """
    with load_project(folder) as project:
        zone = project.settings.account.zone
        start = typed_instant(window, "--window", zone)
        preview = project.preview(name, event=event, rows=rows, window_start=start)
    say_preview(preview, out, zone)
    out.document(preview_document(preview, zone))
