"""`evexport run`."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from evexport_dagster.cli.deliveries import (
    delivery_grid,
    job_place,
    oddities_text,
    run_document,
    totals_text,
)
from evexport_dagster.cli.options import example, name_argument, project_options
from evexport_dagster.cli.output import Output
from evexport_dagster.cli.running import run_with_progress
from evexport_dagster.cli.times import typed_range
from evexport_dagster.exports import RunResult, load_project, look_lines


@click.command(
    epilog=example(
        "evexport run purchases", "evexport run purchases --from 2026-06-14T08:00 --to 2026-06-15"
    )
)
@name_argument
@click.option(
    "--from",
    "from_",
    metavar="T",
    help="Deliver again from the window that this time is in: a day such as 2026-06-14, or a"
    " time such as 2026-06-14T08:00, on the account's clock.",
)
@click.option("--to", metavar="T", help="... up to this time, which is not included.")
@click.option(
    "--event", "events", metavar="E", multiple=True, help="Only this event; can be repeated."
)
@project_options
def command(
    name: str, from_: str | None, to: str | None, events: tuple[str, ...], folder: Path, out: Output
) -> None:
    """Deliver the export NAME, now: every window that has ended and is not delivered yet, and
    again those for which events came late, unless its spec says otherwise.

    With --from or --to, all windows that touch the range are delivered again, each of them whole,
    under the same names. The export is created first where it is new. The run is in the history
    of the Dagster UI like any other.

    With --json: {"export", "export_id", "revision", "status", "deliveries": [{"window": [start,
    end], "event", "instance", "rows", "files": [{"key", "rows", "bytes", "sha256"}]}]}.
    """
    with load_project(folder) as project:
        zone = project.settings.account.zone
        start, end = typed_range(from_, to, zone)
        if start is None and end is None:
            for line in look_lines(project.look_for_late(name), zone):
                out.say(f"{name}: {line}")
            tasks = project.missing(name, events or None)
        else:
            tasks = project.touched(name, start, end, events or None)
        result = run_with_progress(project, name, tasks)
        place = job_place(project.job(name), project.settings.folder)
    say_run(result, place, out, zone)
    out.document(run_document(result, zone))


def say_run(result: RunResult, place: str, out: Output, zone: ZoneInfo) -> None:
    """Shows what a run delivered, and where it is."""
    if not result.receipts:
        out.say(f"{result.export}: nothing is missing; every ended window is delivered.")
        return
    out.say(delivery_grid(result.receipts, zone))
    out.say("", f"{result.export}: {totals_text(result.receipts)}, in {place}")
    if odd := oddities_text(result.receipts):
        out.say(f"Noticed in the source: {odd}")
