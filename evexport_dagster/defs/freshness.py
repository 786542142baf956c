"""When an export is late: Dagster's UI then shows it as failing its freshness policy."""

from __future__ import annotations

import datetime as dt
from typing import Final

import dagster as dg

from evexport_dagster.exports import ExportJob, Project

PATIENCE: Final = dt.timedelta(hours=1)
"""How long the delivery of a window may take once it has settled, before people should look."""


def freshness_policy(project: Project, job: ExportJob) -> dg.FreshnessPolicy | None:
    """Every window is to be delivered soon after it has settled; None where nothing is due again:
    for one-time exports, and those that are stopped."""
    registered = project.registered(job.name)
    if job.kind != "recurring" or (registered is not None and registered.state == "stopped"):
        return None
    due = max(dt.timedelta(minutes=1), job.settle + PATIENCE)
    minutes = int(due.total_seconds() // 60)
    hours = sorted((hour + minutes // 60) % 24 for hour in range(0, 24, job.cadence))
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{minutes % 60} {','.join(map(str, hours))} * * *",
        # Dagster takes no more than the time between two deadlines.
        lower_bound_delta=min(due, dt.timedelta(hours=job.cadence)),
        timezone=job.zone.key,
    )
