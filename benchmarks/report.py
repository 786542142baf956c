"""Results as tables of Markdown, in one file that keeps a section for each kind of run."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from benchmarks.goals import goals
from benchmarks.measure import Measured

RESULTS: Final = Path(__file__).with_name("RESULTS.md")
_TITLE: Final = (
    "# Results\n\nWritten by `make bench`. CPU seconds are those of a contender and all its"
    " children; rows are read\nback from its files; peak is the resident memory of all its"
    " processes at once.\n"
)


def machine() -> str:
    """What a run ran on."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}"
    python = platform.python_version()
    return f"{psutil.cpu_count()} cores, {memory:.0f} GB, {system}, Python {python}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; columns but the first are right-aligned."""
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows))


def speed(measured: Sequence[Measured]) -> str:
    """The costs of each contender."""
    head = ("contender", "rows", "CPU s", "wall s", "rows/CPU-s", "peak MB", "MB out")
    return table(head, map(cells, measured))


def cells(it: Measured) -> tuple[str, ...]:
    """The line of a contender."""
    return (
        it.contender.name,
        f"{it.rows:,}",
        f"{it.cpu_seconds:,.1f}",
        f"{it.wall_seconds:,.1f}",
        f"{it.rows_per_cpu_second:,.0f}",
        f"{it.peak_mb:,.0f}",
        f"{it.bytes / 1e6:,.0f}",
    )


def ratios(measured: Sequence[Measured]) -> str:
    """Rows per CPU-second as ratios, beside their goals."""
    by_name = {it.contender.name: it for it in measured}
    rows = []
    for goal in goals([*by_name]):
        ours, other = by_name[goal.ours], by_name[goal.other]
        ratio = ours.rows_per_cpu_second / other.rows_per_cpu_second
        wanted = f"{goal.factor:g}" if goal.factor else ""
        verdict = "" if goal.factor is None else "yes" if ratio >= goal.factor else "no"
        rows.append((f"{goal.ours} / {goal.other}", f"{ratio:.2f}", wanted, verdict))
    return table(("rows per CPU-second", "ratio", "goal", "met"), rows)


def commands(measured: Sequence[Measured]) -> str:
    """What each contender does, and in which version."""
    rows = []
    for it in measured:
        versions = ", ".join(f"{name} {version(name)}" for name in it.contender.packages)
        rows.append(f"- `{it.contender.name}` ({versions}): {it.contender.command}")
    return "\n".join(rows)


def keep(heading: str, text: str, file: Path = RESULTS) -> None:
    """Write a section; other sections of the file stay."""
    found = file.read_text(encoding="utf-8") if file.exists() else ""
    sections = dict(re.findall(r"^## (.*)\n((?:(?!^## ).*\n?)*)", found, re.MULTILINE))
    sections[heading] = f"\n{text.strip()}\n\n"
    body = "".join(f"## {name}\n{content}" for name, content in sections.items())
    file.write_text(f"{_TITLE}\n{body.rstrip()}\n", encoding="utf-8")
