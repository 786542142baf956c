"""The composition root: a project folder becomes a Dagster code location."""

import datetime as dt
from pathlib import Path

import dagster as dg

from evexport_dagster.defs.assets import export_asset
from evexport_dagster.defs.broken import broken_definitions
from evexport_dagster.defs.clouds import destination_resources
from evexport_dagster.defs.notices import notices_sensors
from evexport_dagster.defs.planner import planner_sensor
from evexport_dagster.defs.resources import resources
from evexport_dagster.defs.sensors import catalog_sensor
from evexport_dagster.errors import SpecError
from evexport_dagster.exports import ExportJob, Project, load_project
from evexport_dagster.settings import PROJECT_FILE, project_folder


def definitions(folder: Path) -> dg.Definitions:
    """The code location of a project; what is wrong in it becomes an asset that says so."""
    try:
        project = load_project(folder)
    except SpecError as error:
        return broken_definitions({PROJECT_FILE: error})
    return dg.Definitions.merge(_exports(project), broken_definitions(_apart(project)))


def _exports(project: Project) -> dg.Definitions:
    return dg.Definitions(
        assets=[export_asset(project, job, _today(job)) for job in project.unattended.jobs()],
        sensors=[
            catalog_sensor(project),
            planner_sensor(project),
            *notices_sensors(project),
        ],
        resources={**resources(project), **destination_resources(project.settings)},
        executor=dg.in_process_executor,
    )


def _apart(project: Project) -> dict[str, SpecError]:
    """The wrong files; one that is called like an export of another file keeps its suffix."""
    names = {job.name for job in project.unattended.jobs()}
    return {
        f"{stem}.yaml" if stem in names else stem: error for stem, error in project.broken.items()
    }


def _today(job: ExportJob) -> dt.date:
    return dt.datetime.now(job.zone).date()


defs = definitions(project_folder())
