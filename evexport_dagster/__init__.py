"""Behavioural events and user profiles, delivered as files, exactly once."""

from __future__ import annotations

from evexport_dagster.exports import Project, load_project

__all__ = ["Project", "load_project"]
