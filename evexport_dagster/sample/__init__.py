"""A sample lake and a sample project: what `evexport init` writes, and what benchmarks read."""

from evexport_dagster.sample.lake import Lake, make_lake
from evexport_dagster.sample.project import init_project

__all__ = ["Lake", "init_project", "make_lake"]
