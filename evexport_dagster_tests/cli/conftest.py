from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from evexport_dagster.cli import main
from evexport_dagster.sample import make_lake

ROOT = Path(__file__).parents[2]
ZONE = ZoneInfo("America/New_York")
SETTLE = timedelta(minutes=5)
TODAY = (datetime.now(UTC) - SETTLE).astimezone(ZONE).date()
"""The day of which no daily window has ended and settled yet."""
DAYS = (TODAY - timedelta(days=2), TODAY - timedelta(days=1))
"""The days of the two windows that are due."""

PROJECT = """\
account: {id: "1517477760", name: Acme, timezone: America/New_York}
sources:
  lake:
    events: {from: "lake/events/*.parquet"}
    profiles: {from: "lake/profiles.parquet"}
destinations:
  local: {type: local, path: out}
"""
SPEC = f"""\
name: purchases
source: lake
destination: local
folder: event_name
format: csv
user_properties: [Email]
events: {{select: [Charged, App Launched]}}
schedule: {{recurring: {{every: 24h, start: {DAYS[0]}}}}}
"""


@dataclass(frozen=True)
class Ran:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def run_cli(*args: object, **environment: str) -> Ran:
    """A command in this process."""
    result = CliRunner(env=environment).invoke(main, [str(arg) for arg in args], "", prog_name="ev")
    return Ran(result.exit_code, result.stdout, result.stderr)


def run_process(*args: object, **environment: str) -> Ran:
    """A command in a process of its own, with pipes."""
    done = subprocess.run(
        [sys.executable, "-m", "evexport_dagster.cli", *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(autouse=True)
def no_dagster_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "lake"
    make_lake(folder, events=600, first_day=DAYS[0], days=3, zone=ZONE.key)
    return folder


@pytest.fixture
def project(lake: Path, tmp_path: Path) -> Path:
    """A project with one export of two events and daily windows, two of which have ended."""
    folder = tmp_path / "project"
    (folder / "exports").mkdir(parents=True)
    (folder / "lake").symlink_to(lake)
    (folder / "evexport.yaml").write_text(PROJECT)
    (folder / "exports" / "purchases.yaml").write_text(SPEC)
    shutil.copy(ROOT / "dagster.yaml", folder)
    return folder
