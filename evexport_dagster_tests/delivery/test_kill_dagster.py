"""`kill -9` between a receipt and what Dagster shows of it: shown later, never delivered twice."""

from __future__ import annotations

import datetime as dt
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from evexport_dagster.defs import display
from evexport_dagster.defs.instance import open_instance
from evexport_dagster_tests.defs.materialized import materialized_keys
from evexport_dagster_tests.delivery.conftest import ROOT, Processes
from evexport_dagster_tests.delivery.state import assert_delivered, assert_whole
from evexport_dagster_tests.handmade import Handmade, event, recurring

STEPS = (
    ("show the delivery", "before", {1}),
    # Dagster may have the event already, which nobody can know: it is shown once more.
    ("note that it is shown", "before", {1, 2}),
)


@pytest.fixture(scope="module")
def instance_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance that nothing has happened in: to make them takes seconds."""
    made = Handmade(tmp_path_factory.mktemp("dagster") / "project")
    shutil.copy(ROOT / "dagster.yaml", made.folder)
    with open_instance(made.open().settings):
        made.close()
    for own in ("lake", "exports"):
        shutil.rmtree(made.folder / own)
    (made.folder / "evexport.yaml").unlink()
    return made.folder


@pytest.mark.parametrize(("step", "when", "shown"), STEPS)
def test_a_killed_command(
    processes: Processes,
    home: Handmade,
    instance_files: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    when: str,
    shown: set[int],
) -> None:
    home.now = dt.datetime.now(dt.UTC)
    day = (home.now - dt.timedelta(minutes=6)).date() - dt.timedelta(days=1)
    home.events([event("Charged", dt.datetime.combine(day, dt.time(5), dt.UTC), n=1)])
    home.spec(events={"select": ["Charged"]}, schedule=recurring(start=str(day)))
    shutil.copytree(instance_files, home.folder, dirs_exist_ok=True)
    command = ("run", "purchases", "--project", str(home.folder))
    assert processes.run(("command_and_die", step, when, 1, *command)) == [-signal.SIGKILL]
    assert_whole(home)
    assert processes.run(("command", *command)) == [0]
    home.now = dt.datetime.now(dt.UTC)
    assert_delivered(home, Counter("1"))
    monkeypatch.setattr(display, "GRACE", dt.timedelta(0))
    project = home.open()
    with open_instance(project.settings) as instance:
        job = project.job("purchases")
        display.repair(project, job, home.out.as_uri(), instance)
        counts = materialized_keys(instance, "purchases")
    assert len(counts) == 1
    assert set(counts.values()) <= shown
    assert project.to_display("purchases") == ()
