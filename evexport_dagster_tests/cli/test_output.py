from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evexport_dagster.cli.output import Grid, Output, aligned, print_document, printable, warn

GRID = Grid(("Event", "Rows"), (("Charged", "12"), ("App Launched", "3,456")), frozenset({"Rows"}))
TEXTS = st.text(st.characters(codec=None), max_size=20)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def on_a_terminal(**environment: str) -> Iterator[Terminal]:
    stream = Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            patch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", **environment}.items():
            patch.setenv(name, value)
        yield stream


def test_a_table_that_is_piped_is_plain_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).say(GRID)

    assert capsys.readouterr().out == (
        "Event          Rows\nCharged          12\nApp Launched  3,456\n"
    )


def test_a_piped_line_is_never_cut_or_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    path = "folder/" * 100
    Output(as_json=False).say(path, Grid(("Path",), ((path,),)))

    assert capsys.readouterr().out == f"{path}\nPath\n{path}\n"


def test_a_terminal_gets_colours() -> None:
    with on_a_terminal() as terminal:
        Output(as_json=False).say("wrong", style="red")

    assert "\x1b[31mwrong\x1b[0m" in terminal.getvalue()


def test_no_color_is_respected() -> None:
    with on_a_terminal(NO_COLOR="1") as terminal:
        Output(as_json=False).say("wrong", GRID, style="red")

    assert "\x1b[3" not in terminal.getvalue()


def test_a_terminal_shows_every_cell_of_a_table() -> None:
    with on_a_terminal() as terminal:
        Output(as_json=False).say(GRID)

    assert all(cell in terminal.getvalue() for row in GRID.rows for cell in row)


def test_with_json_only_the_document_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.say("text", GRID)
    out.title("title")
    out.document({"a": "Käse \ud800"})

    assert json.loads(capsys.readouterr().out) == {"a": "Käse \ud800"}


def test_without_json_there_is_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).document({"a": 1})

    assert capsys.readouterr().out == ""


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    warn("careful")

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "careful\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("[bold]not markup[/bold] :smile:", "[bold]not markup[/bold] :smile:"),
        ("a\rb", r"a\rb"),
        ("left\u202eright", r"left\u202eright"),
        ("\ud800", r"\ud800"),
        ("two\nlines", "two\nlines"),
        ("क्\u200dष 😀 日本", "क्\u200dष 😀 日本"),
    ],
)
def test_names_cannot_steer_the_terminal(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Output(as_json=False).say(text)

    assert printable(text) == shown
    assert capsys.readouterr().out == f"{shown}\n"


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_every_row_of_a_plain_table_is_one_line(rows: list[tuple[str, str]]) -> None:
    lines = aligned(Grid(("A", "B"), tuple(rows), frozenset({"B"}))).split("\n")

    assert len(lines) == len(rows) + 1
    assert all(line == line.rstrip() for line in lines)


@given(st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_a_document_of_any_text_is_json_in_ascii(value: dict[str, str]) -> None:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        print_document(value)

    assert stream.getvalue().isascii()
    assert json.loads(stream.getvalue()) == value
