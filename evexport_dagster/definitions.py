"""The composition root: a project folder becomes a Dagster code location."""

from pathlib import Path

import dagster as dg

from evexport_dagster.defs.broken import broken_definitions
from evexport_dagster.defs.clouds import destination_resources
from evexport_dagster.defs.project import project_definitions
from evexport_dagster.errors import SpecError
from evexport_dagster.exports import Project, load_project
from evexport_dagster.settings import PROJECT_FILE, project_folder


def definitions(folder: Path) -> dg.Definitions:
    """The code location of a project; what is wrong in it becomes an asset that says so."""
    try:
        project = load_project(folder)
    except SpecError as error:
        return broken_definitions({PROJECT_FILE: error})
    return dg.Definitions.merge(
        project_definitions(project),
        broken_definitions(_apart(project)),
        dg.Definitions(resources=destination_resources(project.settings)),
    )


def _apart(project: Project) -> dict[str, SpecError]:
    """The wrong files; one that is called like an export of another file keeps its suffix."""
    names = {job.name for job in project.unattended.jobs()}
    return {
        f"{stem}.yaml" if stem in names else stem: error for stem, error in project.broken.items()
    }


defs = definitions(project_folder())
