"""`evexport` itself: finds the command, and turns whatever it raises into words and a code."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from typing import Any, Final, NoReturn, cast

import click

from evexport_dagster.cli.failures import described, report

COMMANDS: Final = {
    "init": "Make a project folder that runs at once.",
    "demo": "See the whole job on sample events.",
    "check": "Try source, spec and destination before anything is created.",
    "preview": "Show paths, columns and records on real rows; writes nothing.",
    "diff-layout": "Show what a consumer of legacy files has to change.",
    "create": "Register an export: its id, its columns, revision 1.",
    "edit": "Register a changed spec as the next revision.",
    "run": "Deliver what is missing, or a range again, now.",
    "list": "List the exports of a project.",
    "show": "Show one export: status, revisions, deliveries, last failure.",
    "stop": "Stop an export for ever.",
}
"""Every command and what it does, in the order of a project's life."""

_PACKAGE: Final = "evexport-dagster"


class App(click.Group):
    """A group whose commands are imported when they are called: Dagster takes seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else command, rest

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> NoReturn:
        """Runs a command and exits with 0 (done), 1 (failed), 2 (wrong use or wrong spec) or 130
        (interrupted)."""
        given = tuple(takewhile(lambda arg: arg != "--", sys.argv[1:] if args is None else args))
        _write_any_character()
        options["standalone_mode"] = False
        try:
            # click gives the code of `ctx.exit`, and None for a command that went through.
            code = cast("int | None", super().main(args, *others, **options)) or 0
        except Exception as error:
            failure = described(error)
            report(failure, error, as_json="--json" in given, debug="--debug" in given)
            code = failure.exit_code
        sys.exit(code)


def load_command(name: str) -> click.Command:
    """The command of a name in COMMANDS."""
    module = import_module(f"evexport_dagster.cli.commands.{name.replace('-', '_')}")
    return cast("click.Command", module.command)


def _write_any_character() -> None:
    """Names are data: a terminal that cannot show one gets its escape, not an exception."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    try:
        number = version(_PACKAGE)
    except PackageNotFoundError:
        number = "from a source tree"
    click.echo(f"evexport {number}")
    ctx.exit()


@click.group(
    cls=App,
    commands={name: click.Command(name, short_help=does) for name, does in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
First steps:
  evexport demo                 see the whole job on sample events
  evexport init acme            make a project of your own, then:
  cd acme && evexport check     try source, spec and destination
`evexport COMMAND -h` explains a command, with an example.""",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Deliver behavioural events as files: exactly once, window by window.

    A project is a folder with `evexport.yaml` (account, sources, destinations) and one file for
    each export in `exports/`. Results go to standard output, errors to standard error. The exit
    code is 0 when done, 1 when something failed, 2 for wrong use or a wrong spec.
    """
