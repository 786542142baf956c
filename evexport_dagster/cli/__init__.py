"""The `evexport` command: the verbs of a project, for people and for scripts."""

from evexport_dagster.cli.app import main

__all__ = ["main"]
