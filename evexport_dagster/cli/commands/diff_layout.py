"""`evexport diff-layout`."""

from __future__ import annotations

from pathlib import Path

import click

from evexport_dagster.cli.differences import difference_document, say_difference
from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Output
from evexport_dagster.cli.times import typed_instant
from evexport_dagster.exports import load_project


@click.command(epilog=example("evexport diff-layout purchases --event Charged"))
@name_argument
@click.option("--event", metavar="E", help="Only this event.")
@click.option(
    "--rows",
    metavar="N",
    type=click.IntRange(min=1),
    default=1000,
    help="How many rows of each event are looked at (default: 1000).",
)
@click.option(
    "--window",
    metavar="START",
    help="The window that starts then (default: the first ended one that has rows).",
)
@project_options
def command(
    name: str, event: str | None, rows: int, window: str | None, folder: Path, out: Output
) -> None:
    """Show what a consumer of legacy files has to change for the export NAME; writes nothing.

    Real rows are rendered in both layouts: the names of files, the fields with their types, and
    values that are spelled otherwise, such as campaign types.

    With --json: {"export", "window", "files": {"legacy", "now"}, "events": {event: {"rows",
    "columns", "fields": [{"legacy", "now", "types", "examples"}], "values": [...]}}}.
    """
    with load_project(folder) as project:
        zone = project.settings.account.zone
        start = typed_instant(window, "--window", zone)
        difference = project.diff_layout(name, event=event, rows=rows, window_start=start)
    say_difference(difference, out, zone)
    out.document(difference_document(difference, zone))
