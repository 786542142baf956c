"""`evexport list`."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from evexport_dagster.cli.failures import fault_document
from evexport_dagster.cli.options import example, project_options
from evexport_dagster.cli.output import Grid, Output, warn
from evexport_dagster.cli.rows import row_document, status_text
from evexport_dagster.cli.times import window_text
from evexport_dagster.exports import ExportRow, load_project

_COLUMNS = (
    "Name",
    "Export id",
    "Type",
    "Format",
    "Partner",
    "Status",
    "Frequency",
    "Last delivered",
    "Last failure",
)


@click.command(epilog=example("evexport list"))
@project_options
def command(folder: Path, out: Output) -> None:
    """List the exports of a project: what they are, and how they are doing.

    With --json: {"exports": [{"export", "export_id", "type", "format", "partner", "status",
    "frequency", "last_delivered", "last_failure"}], "broken": [{"file", "faults": [...]}]}.
    """
    with load_project(folder) as project:
        zone = project.settings.account.zone
        rows, broken = project.list(), project.broken
    for error in broken.values():
        headline = str(error).partition("\n")[0]
        warn(f"Warning: {headline}: `evexport check` shows all of it.")
    if rows:
        out.say(Grid(_COLUMNS, tuple(_cells(row, zone) for row in rows), frozenset({"Export id"})))
    else:
        out.say("There are no exports: put one into exports/.")
    out.document(
        {
            "exports": [row_document(row, zone) for row in rows],
            "broken": [
                {"file": stem, "faults": [fault_document(fault) for fault in error.faults]}
                for stem, error in broken.items()
            ],
        }
    )


def _cells(row: ExportRow, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        row.name,
        "" if row.export_id is None else str(row.export_id),
        row.type,
        row.format,
        row.partner,
        status_text(row),
        row.frequency,
        "" if row.last_delivered is None else window_text(row.last_delivered, zone),
        "" if row.last_failure is None else row.last_failure.kind,
    )
