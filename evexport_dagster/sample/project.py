"""The project folder that `evexport init` writes; the repository's own root is one, too."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from evexport_dagster.sample.lake import make_lake, refuse_occupied

ZONE = "America/New_York"
DAYS = 5
# The last day of the sample lake of the repository's own root: its third day, on which the root's
# exports start, is a day of 25 hours.
SAMPLE_DAY = date(2026, 11, 3)

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE_FILES = (
    "evexport.yaml",
    "exports/purchases.yaml",
    "exports/everything.yaml",
    "workspace.yaml",
    "dagster.yaml",
)
SCHEMAS = Path(__file__).parents[1] / "spec"
SCHEMAS_COPY = ".evexport"
GITIGNORE = """\
# made here: the sample lake, the exported files, the ledger, scratch
/lake/
/out/
/.evexport/
/.scratch/
# made here by Dagster
/history/
/logs/
/schedules/
/storage/
/.*_queue/
/.telemetry/
/.nux/
"""


def init_project(folder: Path, today: date) -> list[Path]:
    """Write a project that runs at once, all or nothing; give every file, the lake's included.

    The lake ends with `today`, a day of the account's zone, and the exports start two days before,
    so that some windows have ended. Raises RefusedError where `folder` is not free.
    """
    refuse_occupied(folder)
    files = {**project_files(today, SCHEMAS_COPY), ".gitignore": GITIGNORE}
    for schema in SCHEMAS.glob("*.schema.json"):
        files[f"{SCHEMAS_COPY}/{schema.name}"] = schema.read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as making:
        staged = Path(making)
        make_lake(staged / "lake", first_day=first_day(today), days=DAYS, zone=ZONE)
        _write(staged, files)
        written = sorted(path.relative_to(staged) for path in staged.rglob("*") if path.is_file())
        for entry in sorted(staged.iterdir()):
            entry.rename(folder / entry.name)
    return [folder / path for path in written]


def first_day(today: date) -> date:
    """The first day of a sample lake that ends with `today`."""
    return today - timedelta(days=DAYS - 1)


def project_files(today: date, schemas: str) -> dict[str, str]:
    """The files of a sample project by their path, without the lake and what git ignores.

    `schemas` is the folder, seen from the project, where an editor finds the JSON schemas.
    """
    values = {
        "__ZONE__": ZONE,
        "__SCHEMAS__": schemas,
        "__START__": (today - timedelta(days=2)).isoformat(),
        "__FIRST_DAY__": first_day(today).isoformat(),
        "__DAY_BEFORE__": (today - timedelta(days=3)).isoformat(),
    }
    return {name: _fill((TEMPLATES / name).read_text("utf-8"), values) for name in TEMPLATE_FILES}


def _fill(template: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        template = template.replace(placeholder, value)
    return template


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
