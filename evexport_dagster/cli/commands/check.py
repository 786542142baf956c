"""`evexport check`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from evexport_dagster.cli.failures import fault_document
from evexport_dagster.cli.options import example, project_options
from evexport_dagster.cli.output import Output, warn
from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.exports import CheckResult, Project, load_project


@click.command(epilog=example("evexport check", "evexport check purchases"))
@click.argument("name", required=False)
@project_options
@click.pass_context
def command(ctx: click.Context, name: str | None, folder: Path, out: Output) -> None:
    """Try everything that the export NAME needs, or all exports, before anything is created.

    The source is read, the spec is compared with it, and the destination is written to. All
    faults of all files are shown. The exit code is 2 where a spec or its source is wrong, and 1
    for other failures.

    With --json: {"ok", "checks": [{"export", "subject", "ok", "message", "faults": [{"where",
    "found", "allowed"}]}], "warnings": [{"where", "found", "allowed"}]}.
    """
    with load_project(folder) as project:
        results = project.check(name)
        warnings = _warnings(project, name)
    for warning in warnings:
        warn(f"Warning: {warning}")
    for result in results:
        _say(result, out)
    if not results:
        out.say("There is no export to check: put one into exports/.")
    out.document(
        {
            "ok": all(result.ok for result in results),
            "checks": [_document(result) for result in results],
            "warnings": [fault_document(warning) for warning in warnings],
        }
    )
    ctx.exit(exit_code(results))


def exit_code(results: Iterable[CheckResult]) -> int:
    """That of the worst error: 2 where an author acts next, else 1; 0 without errors."""
    return max((result.error.exit_code for result in results if result.error), default=0)


def _say(result: CheckResult, out: Output) -> None:
    line = f"{'ok    ' if result.ok else 'failed'}  {result.name}: {result.subject}"
    out.say(line, style="" if result.ok else "red")
    out.say(*(f"        {line}" for line in result.message.splitlines()))


def _document(result: CheckResult) -> dict[str, object]:
    faults = result.error.faults if isinstance(result.error, SpecError) else ()
    return {
        "export": result.name,
        "subject": result.subject,
        "ok": result.ok,
        "message": result.message,
        "faults": [fault_document(fault) for fault in faults],
    }


def _warnings(project: Project, name: str | None) -> list[Fault]:
    loaded = (spec for key, spec in project.specs.items() if name in (None, key))
    return [warning for spec in loaded for warning in spec.warnings]
