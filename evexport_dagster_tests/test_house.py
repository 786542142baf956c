"""The rules of the house, held by reading its source; ARCHITECTURE.md says why."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "evexport_dagster"
TESTS = "evexport_dagster_tests"

LAYERS = (
    ("errors", "text", "windows", "strict_json", "record_schema", "compiled"),
    ("naming", "sample"),
    ("layouts",),
    ("spec",),
    ("settings",),
    ("spec.dates", "spec.load", "spec.revisions", "columns", "ledger", "stores"),
    ("source", "formats"),
    ("query", "plan", "spool", "first_records", "lifecycle", "notify"),
    ("engine",),
    ("deliver",),
    ("exports",),
    ("__init__",),
    ("defs",),
    ("definitions",),
    ("cli",),
)
"""From the ground up: a room imports rooms of earlier lines, never one beside it or above it."""

SIBLINGS = {
    "formats": {"base", "cells", "gzip", "values"},
    "layouts": {"base"},
    "stores": {"base", "causes", "cloud", "retries", "uploads"},
    "notify": {"base", "message", "words"},
}
"""Rooms whose files never see each other, but for those that all of them share."""

KNOWS_DAGSTER = {"defs", "definitions"}
"""Everything else works, and is tested, without Dagster."""

LONGEST_FILE, LONGEST_TEST_FILE = 300, 600

# Letters in brackets keep these patterns from matching themselves.
FOREIGN = {
    "a path of somebody's machine": r"(?<![\w.])/(w[o]rk|h[o]me|r[o]ot|U[s]ers)/",
    "a host of a package registry": r"p[y]pi\.org|pythonh[o]sted|npmj[s]\.|crat[e]s\.io",
}

MAKE_TARGETS = (
    "help",
    "demo",
    "test",
    "soak",
    "dev",
    "lint",
    "bench",
    "memory",
    "docs",
    "lock",
    "clean",
)


@dataclass(frozen=True)
class Module:
    """A Python file, by its dotted name within its package (`__init__` for the package)."""

    name: str
    path: Path
    tree: ast.Module

    def imports(self) -> Iterator[str]:
        """The full names of what is imported: modules, and names where they could be modules."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{self._base(node)}.{alias.name}" for alias in node.names)

    def _base(self, node: ast.ImportFrom) -> str:
        here = self.path.relative_to(ROOT).parts[: -node.level] if node.level else ()
        return ".".join([*here, *([node.module] if node.module else [])])


@cache
def modules(package: str = PACKAGE) -> dict[str, Module]:
    """Every module of a package, by name."""
    files = sorted((ROOT / package).rglob("*.py"))
    names = [".".join(file.relative_to(ROOT / package).with_suffix("").parts) for file in files]
    return {
        (short := name.removesuffix(".__init__")): Module(short, file, ast.parse(file.read_text()))
        for name, file in zip(names, files, strict=True)
    }


def module_of(imported: str) -> str | None:
    """The module of the package that holds an imported name; None where it is another's."""
    if imported.split(".")[0] != PACKAGE:
        return None
    parts = imported.split(".")[1:]
    while parts and ".".join(parts) not in modules():
        parts.pop()
    return ".".join(parts) or "__init__"


def rank(name: str) -> tuple[int, str]:
    """The line and the entry of a module in LAYERS: those of the longest entry it belongs to."""
    found = [
        (entry, line)
        for line, entries in enumerate(LAYERS)
        for entry in entries
        if name == entry or name.startswith(f"{entry}.")
    ]
    assert found, f"{name} stands in no line of LAYERS"
    entry, line = max(found, key=lambda it: len(it[0]))
    return line, entry


@cache
def graph() -> dict[str, set[str]]:
    """For each module of the package the others that it imports."""
    return {
        name: {to for to in map(module_of, module.imports()) if to and to != name}
        for name, module in modules().items()
    }


def tracked() -> list[Path]:
    """The repository's files: what git has, and what it would take."""
    git = shutil.which("git")
    assert git
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    paths = [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def test_imports_go_down() -> None:
    wrong = [
        f"{name} -> {to}"
        for name, targets in graph().items()
        for to in sorted(targets)
        if rank(to)[1] != rank(name)[1] and rank(to)[0] >= rank(name)[0]
    ]
    assert not wrong, wrong


def test_no_modules_import_each_other() -> None:
    # The `__init__` of a room gathers its files; it is no place that they import from.
    TopologicalSorter(graph()).prepare()


def test_every_line_of_the_table_is_a_room() -> None:
    rooms = {rank(name)[1] for name in modules()}
    assert rooms == {entry for line in LAYERS for entry in line}


@pytest.mark.parametrize("room", SIBLINGS)
def test_siblings_never_see_each_other(room: str) -> None:
    siblings = {name for name in modules() if name.startswith(f"{room}.")}
    apart = {name for name in siblings if name.split(".")[1] not in SIBLINGS[room]}
    assert not {
        (name, to)
        for name in siblings
        for to in graph()[name] & apart
        if to.split(".")[1] != name.split(".")[1]
    }


def test_dagster_lives_in_its_own_rooms() -> None:
    knowing = {
        name
        for name, module in modules().items()
        if any(it.split(".")[0].startswith("dagster") for it in module.imports())
    }
    assert {name for name in knowing if name.split(".")[0] not in KNOWS_DAGSTER} == set()


@pytest.mark.parametrize("package", [PACKAGE, TESTS])
def test_nothing_private_of_dagster_is_imported(package: str) -> None:
    private = {
        f"{module.name}: {it}"
        for module in modules(package).values()
        for it in module.imports()
        if it.startswith("dagster") and any(part.startswith("_") for part in it.split(".")[1:])
    }
    assert not private


def test_imports_stand_at_the_top() -> None:
    late = {
        f"{module.name}:{node.lineno}"
        for module in modules().values()
        for function in ast.walk(module.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not late


@pytest.mark.parametrize(
    ("package", "longest"), [(PACKAGE, LONGEST_FILE), (TESTS, LONGEST_TEST_FILE)]
)
def test_rooms_are_small(package: str, longest: int) -> None:
    lines = {m.name: len(m.path.read_text().splitlines()) for m in modules(package).values()}
    assert not {name: count for name, count in lines.items() if count > longest}


def test_what_a_room_shows_to_others_says_what_it_is() -> None:
    shown = {
        imported
        for module in modules().values()
        for imported in module.imports()
        if (home := module_of(imported)) is not None
        and (module.path.name == "__init__.py" or rank(home)[1] != rank(module.name)[1])
    }
    silent = [
        f"{module.name}:{node.name}"
        for module in modules().values()
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and f"{PACKAGE}.{module.name}.{node.name}" in shown
        and not ast.get_docstring(node)
    ]
    assert shown
    assert not silent


def test_every_file_says_what_it_is() -> None:
    assert not [name for name, module in modules().items() if not ast.get_docstring(module.tree)]


@pytest.mark.parametrize("what", FOREIGN)
def test_the_repository_names_no(what: str) -> None:
    pattern = re.compile(FOREIGN[what].encode())
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}"
        for path in tracked()
        for match in pattern.finditer(path.read_bytes())
    ]
    assert not found


def test_the_patterns_find_what_they_are_for() -> None:
    for text in ("cd /" + "work/x", "open('/" + "root/y')", "/" + "home/ann/z"):
        assert re.search(FOREIGN["a path of somebody's machine"], text)
    assert re.search(FOREIGN["a host of a package registry"], "https://py" + "pi.org/simple")
    assert not re.search(
        FOREIGN["a path of somebody's machine"], "out/" + "work/ and frame" + "work/"
    )


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_holds_names_versions_and_hashes(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    pinned = re.compile(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[\w.!+]+( ; .+)? \\")
    hashed = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")
    assert not [line for line in lines if not (pinned.fullmatch(line) or hashed.fullmatch(line))]


def test_the_locks_pin_every_direct_requirement_to_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    needed = [*project["project"]["dependencies"], *groups["build"]]
    tools = [it for it in [*groups["dev"], *groups["bench"]] if isinstance(it, str)]
    to_run, to_test = _pinned("requirements.lock"), _pinned("requirements-dev.lock")
    assert _names(needed) <= to_run.keys()
    assert _names(tools) <= to_test.keys()
    assert to_run.items() <= to_test.items()


def _pinned(lock: str) -> dict[str, str]:
    pin = r"^([a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==([\w.!+]+)"
    return dict(re.findall(pin, (ROOT / lock).read_text(), re.M))


def _names(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[\[><=]", one)[0].replace(".", "-") for one in requirements}


def test_ci_runs_what_make_test_runs() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert run.read_text().rstrip().endswith("make test")


@pytest.mark.parametrize("target", MAKE_TARGETS)
def test_make_shows_each_target(target: str) -> None:
    shown = re.search(rf"^{target}:.* ## \S.*$", (ROOT / "Makefile").read_text(), re.M)
    assert shown


def test_the_picture_of_the_house_is_true() -> None:
    picture = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+(?:\.py|\.yaml|/))`", picture)
    assert not [it for it in named if not ((ROOT / PACKAGE / it).exists() or (ROOT / it).exists())]
    rooms = {name.split(".")[0] for name in modules()} - {"__init__"}
    assert not [
        room for room in rooms if f"`{room}.py`" not in picture and f"`{room}/" not in picture
    ]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/component.md",
        "docs/notifications.md",
        "docs/reference.md",
    ],
)
def test_links_within_the_repository_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text())
    assert not [link for link in links if not ((ROOT / page).parent / link).is_file()]
