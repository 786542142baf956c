"""A planner without Dagster, and what it made people be told."""

from __future__ import annotations

import datetime as dt

from evexport_dagster.exports import Project, next_run
from evexport_dagster.ledger import Ledger, Notice
from evexport_dagster_tests.handmade import Handmade


def due(project: Project, name: str = "purchases") -> list[dt.datetime]:
    """The windows that a planner of this project starts one after the other, now."""
    found: list[dt.datetime] = []
    while len(found) < 20:
        known = project.unattended.facts(name, queued=False)
        now = project.unattended.now()
        planned = next_run(known, now) if known else None
        if planned is None or not planned.is_due(now):
            return found
        found.append(planned.window.start)
        for task in project.unattended.rest_of(name, planned.window, "run"):
            project.deliver(task, run_id="run")
    raise AssertionError(found)


def notices(home: Handmade) -> list[Notice]:
    """The notices of the export that are kept, but for its beginnings and ends."""
    with Ledger.open(f"sqlite:///{home.folder}/.evexport/ledger.db") as ledger:
        export_id = ledger.exports.registered()[0].export_id
        kept = ledger.notices.of(export_id)
    return [it for it in kept if it.kind not in ("started", "completed")]
