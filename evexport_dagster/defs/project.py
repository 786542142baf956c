"""The definitions of an open project: what a code location is composed of."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from evexport_dagster.defs.assets import export_asset
from evexport_dagster.defs.notices import notices_sensors
from evexport_dagster.defs.planner import planner_sensor
from evexport_dagster.defs.resources import PLAIN, Keys, resources
from evexport_dagster.defs.sensors import catalog_sensor
from evexport_dagster.exports import ExportJob, Project


def project_definitions(project: Project, keys: Keys = PLAIN) -> dg.Definitions:
    """Assets, checks, sensors and resources of a project's exports."""
    return dg.Definitions(
        assets=[export_asset(project, job, _today(job), keys) for job in project.unattended.jobs()],
        sensors=[
            catalog_sensor(project, keys),
            planner_sensor(project, keys),
            *notices_sensors(project, keys),
        ],
        resources=resources(project, keys=keys),
        executor=dg.in_process_executor,
    )


def _today(job: ExportJob) -> dt.date:
    return dt.datetime.now(job.zone).date()
