"""What a person sees of exports in Dagster's pages; the pictures lie in the test's folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from evexport_dagster.defs.instance import open_instance
from evexport_dagster.defs.launch import run_tasks
from evexport_dagster.errors import AccessError
from evexport_dagster.exports import load_project
from evexport_dagster.sample import make_lake
from evexport_dagster_tests.browser.page import open_page
from evexport_dagster_tests.defs.servers import Servers, servers

ZONE = "America/New_York"
FIRST = date(2026, 6, 14)
PROJECT = f"""
account: {{id: "1517477760", name: Acme, timezone: {ZONE}}}
sources:
  lake: {{events: {{from: "lake/events/*.parquet"}}, profiles: {{from: lake/profiles.parquet}}}}
destinations:
  local: {{type: local, path: out}}
runtime: {{history_limit: 36500d}}
"""
PURCHASES = f"""
name: purchases
source: lake
destination: local
folder: event_name
format: csv
user_properties: [Email]
events: {{select: [App Launched, Charged]}}
schedule: {{recurring: {{every: 8h, start: {FIRST}}}}}
description: What led to a purchase
owners: [data@example.com]
"""
BROKEN = """
name: newsletter
source: lak
destination: local
format: excel
events: {select: [Charged]}
schedule: {recurring: {every: 3h, start: 2026-06-14}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a delivered day, an export whose destination is gone, and a wrong file."""
    home = tmp_path / "project"
    (home / "exports").mkdir(parents=True)
    make_lake(home / "lake", events=300, first_day=FIRST, days=1, zone=ZONE, profiles=20)
    (home / "evexport.yaml").write_text(PROJECT)
    (home / "exports" / "purchases.yaml").write_text(PURCHASES)
    (home / "exports" / "newsletter.yaml").write_text(BROKEN)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    with load_project(home) as opened, open_instance(opened.settings) as instance:
        tasks = opened.missing("purchases")
        run_tasks(opened, tasks[:3], instance=instance)
        failing = home / "out" / "App-Launched"
        shutil.rmtree(failing)
        failing.write_text("a file where a folder should be")
        with pytest.raises(AccessError):
            # From now on later windows wait for this one.
            run_tasks(opened, [replace(tasks[0], again=True)], instance=instance)
    return home


@pytest.mark.long
def test_a_person_sees_what_is_exported_what_failed_and_how_to_redo_it(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir()
    with servers(project, project, tmp_path / "logs") as running, open_page() as page:
        looked = _Looked(page, running, tmp_path)
        looked.at(
            "asset",
            "exports/purchases?view=overview",
            "What led to a purchase",
            "every 8 hours (time of America/New_York), since 2026-06-14",
            "To deliver a window again",
            "format: csv",
            "frequency: 8h",
            "partner: local",
            "data@example.com",
            "Freshness policy",
        )
        looked.at("grid", "exports/purchases?view=partitions", "Failed (2)", "Materialized (4)")
        looked.at(
            "window",
            "exports/purchases?view=partitions&partition=Charged%7C2026-06-14-16%3A00",
            "rows in source",
            "first records",
            "[Show Table Schema]",
        )
        looked.at(
            "broken",
            "exports/newsletter",
            "This file is no export until",
            "'excel'",
        )
        looked.at("check", "exports/newsletter?view=checks", "file_can_be_loaded", "Failed", "'3h'")


class _Looked:
    """Looks at pages until they show what they should, and keeps a picture of each."""

    def __init__(self, page: Page, running: Servers, folder: Path) -> None:
        self.page, self.running, self.folder = page, running, folder

    def at(self, name: str, path: str, *texts: str) -> None:
        self.page.goto(f"{self.running.url}/assets/{path}")
        try:
            for text in texts:
                expect(self.page.locator("body")).to_contain_text(text, timeout=90_000)
        finally:
            self.page.screenshot(path=self.folder / f"{name}.png")
