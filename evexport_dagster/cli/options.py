"""What all commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from evexport_dagster.cli.output import Output
from evexport_dagster.exports import PAGE_SIZES

_F = TypeVar("_F", bound=Callable[..., Any])


def _output(_ctx: click.Context, _parameter: click.Parameter, as_json: bool) -> Output:
    return Output(as_json)


_json_option = click.option(
    "--json",
    "out",
    is_flag=True,
    callback=_output,
    help="Write one JSON document to standard output, and nothing else there.",
)
_debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show where in the program an error arose."
)
_project_option = click.option(
    "--project",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="The project's folder (default: here).",
)


def page_options(default: int) -> Callable[[_F], _F]:
    """`--page` and `--per-page`, given to the command as `page` and `per_page`."""

    def decorate(command: _F) -> _F:
        page = click.option(
            "--page", type=click.IntRange(min=1), default=1, help="Which page (default: the first)."
        )
        size = click.option(
            "--per-page",
            type=click.Choice(PAGE_SIZES),
            default=default,
            help=f"How many on a page (default: {default}).",
        )
        return page(size(command))

    return decorate


name_argument = click.argument("name")
"""The name of an export."""


def output_options(command: _F) -> _F:
    """`--json`, given to the command as `out`, and `--debug`."""
    return _json_option(_debug_option(command))


def project_options(command: _F) -> _F:
    """`--project`, given to the command as `folder`, and the options of every command."""
    return _project_option(output_options(command))


def example(*lines: str) -> str:
    """The example of a command, as the end of its help."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
