"""`evexport init`."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from evexport_dagster.cli.options import example, output_options
from evexport_dagster.cli.output import Output
from evexport_dagster.sample import init_project
from evexport_dagster.sample.project import ZONE


@click.command(epilog=example("evexport init acme"))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@output_options
def command(folder: Path, out: Output) -> None:
    """Make a project in the new or empty folder DIR that runs at once.

    It has a lake of sample events, two exports, and the settings of evexport and Dagster; point
    `evexport.yaml` at your own events when you are ready.

    With --json: {"folder", "files": [...], "next": [commands]}.
    """
    files = make_project(folder)
    verbs = ("preview", "run")
    steps = [f"cd {shlex.quote(str(folder))}", *(f"evexport {verb} purchases" for verb in verbs)]
    shown = [str(path.relative_to(folder)) for path in files]
    out.say(f"Made a project in {folder}:", *(f"  {name}" for name in shown))
    out.title("Next:")
    out.say(*(f"  {step}" for step in steps))
    out.document({"folder": str(folder.absolute()), "files": shown, "next": steps})


def make_project(folder: Path) -> list[Path]:
    """A sample project whose lake ends today; gives its files."""
    return init_project(folder, datetime.now(ZoneInfo(ZONE)).date())
