"""`evexport list`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from evexport_dagster.cli.failures import fault_document
from evexport_dagster.cli.options import example, page_options, project_options
from evexport_dagster.cli.output import Grid, Output, warn
from evexport_dagster.cli.rows import row_document, status_text
from evexport_dagster.cli.times import typed_day_or_instant, window_text
from evexport_dagster.exports import FILTERS, ExportPage, ExportRow, load_project
from evexport_dagster.text import counted

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


_F = TypeVar("_F", bound=Callable[..., Any])


def _choice(name: str, what: str) -> Callable[[_F], _F]:
    kinds = click.Choice(FILTERS[name], case_sensitive=False)
    return click.option(f"--{name}", type=kinds, help=f"Only {what}.")


def _limit(end: str, when: str) -> Callable[[_F], _F]:
    told = f"Only exports with files delivered {when}."
    return click.option(f"--exported-{end}", metavar="DAY", help=told)


@click.command(
    epilog=example("evexport list", "evexport list --format csv --status Pending --per-page 40")
)
@_choice("partner", "exports to this kind of destination")
@_choice("type", "exports of events, or of profiles")
@_choice("format", "exports in this format")
@_choice("status", "exports with this status")
@_choice("frequency", "exports that run so often")
@_limit("from", "on this day or later")
@_limit("to", "on this day or earlier; with a time: before it")
@page_options(20)
@project_options
def command(folder: Path, out: Output, page: int, per_page: int, **wanted: Any) -> None:
    """List the exports of a project: what they are, and how they are doing.

    Exports whose file is wrong or gone are listed as they are registered. Filters that are given
    together all have to fit.

    With --json: {"exports": [{"export", "export_id", "type", "format", "partner", "status",
    "frequency", "last_delivered", "last_failure"}], "page", "pages", "total", "broken": [{"file",
    "faults": [...]}]}.
    """
    with load_project(folder) as project:
        zone = project.settings.account.zone
        for name in ("exported_from", "exported_to"):
            option = f"--{name.replace('_', '-')}"
            wanted[name] = typed_day_or_instant(wanted[name], option, zone)
        found, broken = project.list(page=page, per_page=per_page, **wanted), project.broken
    for error in broken.values():
        headline = str(error).partition("\n")[0]
        warn(f"Warning: {headline}: `evexport check` shows all of it.")
    _say(found, any(wanted.values()), out, zone)
    out.document(
        _document(found, zone)
        | {
            "broken": [
                {"file": stem, "faults": [fault_document(fault) for fault in error.faults]}
                for stem, error in broken.items()
            ],
        }
    )


def _document(found: ExportPage, zone: ZoneInfo) -> dict[str, object]:
    return {
        "exports": [row_document(row, zone) for row in found],
        "page": found.page,
        "pages": found.pages,
        "total": found.total,
    }


def _say(found: ExportPage, is_filtered: bool, out: Output, zone: ZoneInfo) -> None:
    if found:
        out.say(Grid(_COLUMNS, tuple(_cells(row, zone) for row in found), frozenset({"Export id"})))
    elif found.total:
        out.say(f"There is no page {found.page}.")
    elif is_filtered:
        out.say("No export fits these filters.")
    else:
        out.say("There are no exports: put one into exports/.")
    if found.pages > 1:
        out.say(f"Page {found.page} of {found.pages}: {counted(found.total, 'export')} in all.")


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
