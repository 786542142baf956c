"""What the README tells a stranger to write and to type works."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from evexport_dagster.cli.app import COMMANDS
from evexport_dagster.naming import Variable
from evexport_dagster.naming.template import UNASKED
from evexport_dagster.settings import load_settings
from evexport_dagster.spec.load import load_spec

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(# (\S+)\n.*?)^```", README, re.M | re.S)


def test_the_project_of_the_readme_is_valid(tmp_path: Path) -> None:
    files = {name: text for text, name in BLOCKS}
    assert set(files) == {"evexport.yaml", "exports/orders.yaml"}
    (tmp_path / "exports").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    loaded = load_spec(tmp_path / "exports/orders.yaml", load_settings(tmp_path))
    assert loaded.spec.name == "orders"
    assert not loaded.warnings


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"| `evexport {command}" in README


def test_every_command_in_the_readme_is_there() -> None:
    assert set(re.findall(r"\bevexport ([a-z-]+)(?= |`)", README)) <= COMMANDS.keys()


@pytest.mark.parametrize("variable", [it for it in Variable if it not in UNASKED], ids=str)
def test_every_variable_of_templates_is_in_the_readme(variable: Variable) -> None:
    assert f"{{{{{variable.value}}}}}" in README


def test_the_page_of_every_key_is_current() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "reference.py"))["page"]()
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == page, "`make docs` writes it"


def test_the_page_of_every_key_has_defaults_that_can_be_written() -> None:
    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    for line in ("| `runtime.settle` | text | `5m` |", "| `late_events.look_back` | text | `3d` |"):
        assert line in page
