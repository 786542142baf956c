"""What holds for every command: help, errors, exit codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from evexport_dagster.cli.app import COMMANDS, load_command
from evexport_dagster.errors import (
    AccessError,
    BugError,
    ExportError,
    Fault,
    SpecError,
    UnavailableError,
)
from evexport_dagster_tests.cli.conftest import run_cli

EVERY_COMMAND = pytest.mark.parametrize("name", COMMANDS)
SHARED = {"--json", "--debug", "--help"}


def raising(error: BaseException) -> Callable[[Path], None]:
    def load_project(folder: Path) -> None:
        raise error

    return load_project


@pytest.fixture
def list_fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    module = "evexport_dagster.cli.commands.list.load_project"
    return lambda error: monkeypatch.setattr(module, raising(error))


def options(command: click.Command) -> set[str]:
    context = click.Context(command, help_option_names=["-h", "--help"])
    return {name for it in command.get_params(context) for name in it.opts if name[:2] == "--"}


def test_the_help_names_every_command_in_order() -> None:
    ran = run_cli("-h")

    assert ran.code == 0
    assert re.findall(r"(?m)^  ([\w-]+) {2,}", ran.out.partition("Commands:")[2]) == list(COMMANDS)
    assert run_cli("--help") == ran


@EVERY_COMMAND
def test_every_command_has_help_and_examples_that_parse(name: str) -> None:
    ran = run_cli(name, "-h")

    assert (ran.code, ran.err) == (0, "")
    assert run_cli(name, "--help") == ran
    lines = [line.strip() for line in ran.out.partition("Example:\n")[2].splitlines()]
    assert lines
    for line in lines:
        program, command, *args = shlex.split(line)
        assert (program, command) == ("evexport", name)
        load_command(name).make_context(name, args)


@EVERY_COMMAND
def test_every_command_says_what_its_json_is(name: str) -> None:
    assert "With --json: {" in run_cli(name, "-h").out


@EVERY_COMMAND
def test_every_command_has_the_shared_options(name: str) -> None:
    expected = SHARED if name in ("init", "demo") else SHARED | {"--project"}

    assert expected <= options(load_command(name))


def test_list_has_the_filters_and_pages_of_the_contract() -> None:
    filters = ("partner", "type", "format", "status", "frequency", "exported-from", "exported-to")
    own = {f"--{name}" for name in (*filters, "page", "per-page")}
    assert options(load_command("list")) == SHARED | {"--project"} | own


def test_version() -> None:
    ran = run_cli("--version")

    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"evexport .+\n", ran.out)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["lst"], "No such command 'lst'"),
        (["--jsn"], "No such option"),
        (["run"], "Missing argument 'NAME'"),
        (["list", "--status", "Finished"], "'Finished' is not one of"),
        (["list", "--frequency", "2h"], "'2h'"),
        (["list", "--per-page", "15"], "'15' is not one of"),
        (["list", "--page", "0"], "--page"),
        (["list", "--colour", "red"], "No such option"),
        (["list", "more"], "unexpected extra argument"),
        (["preview", "purchases", "--rows", "-1"], "--rows"),
        (["preview", "purchases", "--rows", "many"], "'many'"),
        (["init"], "Missing argument 'DIR'"),
        (["check", "--project", __file__], "is a file"),
    ],
)
def test_wrong_use_is_told_with_code_2(args: list[str], said: str) -> None:
    ran = run_cli(*args)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "-h` shows how it is used" in ran.err


def test_wrong_use_is_a_document_too() -> None:
    ran = run_cli("list", "--status", "Finished", "--json")

    assert ran.code == 2
    assert ran.document["error"]["kind"] == "usage"
    assert "--status" in ran.document["error"]["message"]
    assert ran.document["error"]["faults"] == []
    assert ran.err


def test_without_arguments_the_help_is_shown() -> None:
    ran = run_cli()

    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


def test_a_folder_that_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    ran = run_cli("list", "--project", tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert "evexport init" in ran.err


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (SpecError("wrong"), 2, ""),
        (AccessError("no"), 1, "owner of the destination"),
        (UnavailableError("later"), 1, "run the command again later"),
        (BugError("oh"), 1, "--debug"),
    ],
)
def test_errors_say_what_to_do(
    error: ExportError,
    code: int,
    hint: str,
    list_fails: Callable[[BaseException], None],
) -> None:
    list_fails(error)
    ran, with_json = run_cli("list"), run_cli("list", "--json")

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"Error: {error}\n")
    assert hint in ran.err
    assert "Traceback" not in ran.err
    assert (with_json.code, with_json.err) == (code, ran.err)
    assert with_json.document == {
        "error": {"kind": error.kind, "message": str(error), "faults": []}
    }


def test_faults_are_a_document(list_fails: Callable[[BaseException], None]) -> None:
    list_fails(SpecError("two faults", [Fault("a: b (line 1)", "'x'", "y"), Fault("c", "", "z")]))
    ran = run_cli("list", "--json")

    assert ran.document["error"] == {
        "kind": "spec",
        "message": "two faults",
        "faults": [
            {"where": "a: b (line 1)", "found": "'x'", "allowed": "y"},
            {"where": "c", "found": "", "allowed": "z"},
        ],
    }
    assert "a: b (line 1): 'x': y" in ran.err


def test_what_nobody_expected_is_one_line(list_fails: Callable[[BaseException], None]) -> None:
    list_fails(ZeroDivisionError("of\nthe exporter"))
    ran = run_cli("list", "--json")

    assert ran.code == 1
    assert ran.err == (
        "Error: ZeroDivisionError: of the exporter\nRun again with --debug for details.\n"
    )
    assert ran.document["error"]["kind"] == "bug"


@pytest.mark.parametrize("error", [ZeroDivisionError("of"), SpecError("of")])
def test_debug_shows_where_it_arose(
    error: Exception, list_fails: Callable[[BaseException], None]
) -> None:
    list_fails(error)
    ran = run_cli("list", "--debug", "--json")

    assert "Traceback" in ran.err
    assert "in load_project" in ran.err
    assert ran.document["error"]["message"]


def test_an_interrupt_is_no_error_of_ours(list_fails: Callable[[BaseException], None]) -> None:
    list_fails(KeyboardInterrupt())
    ran = run_cli("list", "--json")

    assert ran.code == 130
    assert ran.err.strip() == "Interrupted."
    assert ran.document["error"]["kind"] == "interrupted"


def test_flags_after_two_dashes_are_names(project: Path) -> None:
    ran = run_cli("show", "--project", project, "--", "--json")

    assert (ran.code, ran.out) == (2, "")
    assert "'--json'" in ran.err
