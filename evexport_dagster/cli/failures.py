"""What went wrong, as words for people and as a document for scripts."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from typing import Final

import click

from evexport_dagster.cli.output import print_document, warn
from evexport_dagster.errors import ExportError, Fault, Kind, SpecError

INTERRUPTED: Final = 130
"""The code of a command that was interrupted from the keyboard, as shells have it."""

_NEXT: Final[dict[Kind, str]] = {
    "access": "The owner of the destination has to act. `evexport check` tells when it works.",
    "unavailable": "Nothing is lost: run the command again later, and it goes on from here.",
    "bug": "This is a fault of evexport: run again with --debug, and report what it shows.",
}
"""What to do, by the kind of an error; those of kind `spec` say it themselves."""


@dataclass(frozen=True)
class Failure:
    """How a command failed: `text` is for people, the rest for scripts."""

    kind: str
    message: str
    text: str
    exit_code: int
    faults: tuple[Fault, ...] = ()


def described(error: Exception) -> Failure:
    """The failure that an exception stands for."""
    if isinstance(error, ExportError):
        return _export_failure(error)
    if isinstance(error, click.exceptions.Abort):
        return Failure("interrupted", "interrupted", "Interrupted.", INTERRUPTED)
    if isinstance(error, click.UsageError):
        message = error.format_message()
        return Failure("usage", message, _usage(error, message), error.exit_code)
    if isinstance(error, click.ClickException):
        message = error.format_message()
        return Failure("usage", message, f"Error: {message}", error.exit_code)
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure("bug", message, f"Error: {message}\nRun again with --debug for details.", 1)


def report(failure: Failure, error: Exception, *, as_json: bool, debug: bool) -> None:
    """Writes a failure to standard error, and as the one document to standard output."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    warn(failure.text, style="red")
    if as_json:
        print_document({"error": failure_document(failure)})


def failure_document(failure: Failure) -> dict[str, object]:
    """`{"kind", "message", "faults": [{"where", "found", "allowed"}]}`."""
    return {
        "kind": failure.kind,
        "message": failure.message,
        "faults": [fault_document(fault) for fault in failure.faults],
    }


def fault_document(fault: Fault) -> dict[str, str]:
    """`{"where", "found", "allowed"}`."""
    return {"where": fault.where, "found": fault.found, "allowed": fault.allowed}


def _export_failure(error: ExportError) -> Failure:
    faults = error.faults if isinstance(error, SpecError) else ()
    message = str(error).partition("\n")[0] if faults else str(error)
    hint = _NEXT.get(error.kind)
    text = f"Error: {error}" + (f"\n{hint}" if hint else "")
    return Failure(error.kind, message, text, error.exit_code, faults)


def _usage(error: click.UsageError, message: str) -> str:
    if error.ctx is None:
        return f"Error: {message}"
    path = error.ctx.command_path
    return f"{error.ctx.get_usage()}\nError: {message}\n`{path} -h` shows how it is used."
