"""`evexport demo`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from evexport_dagster.cli.commands.init import make_project
from evexport_dagster.cli.deliveries import job_place, run_document, totals_text
from evexport_dagster.cli.options import example, output_options
from evexport_dagster.cli.output import Grid, Output
from evexport_dagster.cli.previews import preview_document, say_preview
from evexport_dagster.cli.running import run_with_progress
from evexport_dagster.errors import RefusedError
from evexport_dagster.exports import Preview, Project, RunResult, load_project
from evexport_dagster.ledger import Receipt
from evexport_dagster.settings import PROJECT_FILE
from evexport_dagster.text import counted, size_text

WINDOWS: Final = 6
"""How many windows one demo delivers."""

_MARK: Final = Path(".evexport", "demo")
_EXPORT: Final = "purchases"
_SHOWN_FILES: Final = 10


@click.command(epilog=example("evexport demo"))
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default="evexport-demo")
@output_options
def command(folder: Path, out: Output) -> None:
    """See the whole job on sample events: an export is created, previewed and delivered.

    The demo works in the new or empty folder DIR (default: evexport-demo). It delivers the first
    windows; called again, it goes on with the next ones.

    With --json: {"folder", "preview": {as in `preview`}, "run": {as in `run`}}.
    """
    _prepare(folder, out)
    with load_project(folder) as project:
        zone = project.settings.account.zone
        place = job_place(project.job(_EXPORT), project.settings.folder)
        _create(project, out)
        preview = _one_event(project.preview(_EXPORT, rows=1))
        out.title("2. Preview: what one event of one window becomes")
        say_preview(preview, out, zone)
        out.title("3. Deliver: windows that have ended, each of them exactly once")
        tasks = project.missing(_EXPORT)
        result = run_with_progress(project, _EXPORT, tasks[:WINDOWS])
        _say_delivered(result, max(0, len(tasks) - WINDOWS), out)
        landed = result.receipts or project.show(_EXPORT).receipts
    _say_landed(landed, Path(place), folder, out)
    out.document(
        {
            "folder": str(folder.absolute()),
            "preview": preview_document(preview, zone),
            "run": run_document(result, zone),
        }
    )


def _prepare(folder: Path, out: Output) -> None:
    """Makes the demo's project, or goes on with that of an earlier one."""
    if (folder / _MARK).exists():
        out.say(f"The demo goes on in {folder}.")
        return
    if (folder / PROJECT_FILE).exists():
        raise RefusedError(
            f"{folder} is a project that no demo made: name another folder, as in"
            " `evexport demo other-folder`"
        )
    files = make_project(folder)
    (folder / _MARK).touch()
    out.say(f"Made a project with sample events in {folder}: {counted(len(files), 'file')}.")


def _create(project: Project, out: Output) -> None:
    (export,) = project.create(_EXPORT)
    file = project.job(_EXPORT).file.relative_to(project.settings.folder)
    out.title(f"1. Create: {file} says what is exported")
    out.say(f"{_EXPORT} has the export id {export.export_id}, for ever, and these events:")
    out.say(*(f"  {event.name}" for event in project.events(_EXPORT)))


def _one_event(preview: Preview) -> Preview:
    """The last event that has records, alone: enough to see what a preview is."""
    event = [name for name, records in preview.records.items() if records][-1]
    return replace(
        preview,
        deliveries=tuple(it for it in preview.deliveries if it.event == event),
        columns={event: preview.columns[event]},
        records={event: preview.records[event]},
    )


def _say_delivered(result: RunResult, left: int, out: Output) -> None:
    if not result.receipts:
        out.say("Nothing is missing: an earlier demo delivered every window that has ended.")
        return
    windows = counted(len({receipt.window_start for receipt in result.receipts}), "window")
    out.say(f"Delivered {windows}: {totals_text(result.receipts)}.")
    if left:
        out.say(f"Left for `evexport run {_EXPORT}`: {counted(left, 'window')}.")


def _say_landed(receipts: Sequence[Receipt], place: Path, folder: Path, out: Output) -> None:
    files = [file for receipt in receipts for file in receipt.files]
    if not files:
        return
    rows = tuple((it.key, f"{it.rows:,}", size_text(it.bytes)) for it in files[:_SHOWN_FILES])
    out.title(f"4. Look: what landed in {place}")
    out.say(Grid(("File", "Rows", "Size"), rows, frozenset({"Rows", "Size"})))
    if len(files) > _SHOWN_FILES:
        out.say(f"... and {len(files) - _SHOWN_FILES:,} more")
    out.title("Next:")
    out.say(
        f"  gzip -dc {shlex.quote(str(place / files[0].key))} | head -n 3",
        f"  cd {shlex.quote(str(folder))}",
        f"  evexport run {_EXPORT}                # what is missing, and only that",
        f"  evexport show {_EXPORT}",
        '  DAGSTER_HOME="$PWD" dagster dev       # the same history in the Dagster UI',
    )
