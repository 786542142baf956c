"""Behavioural events and user profiles, delivered as files, exactly once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from evexport_dagster.exports import Project, load_project

__all__ = ["EventExport", "Project", "load_project"]

EventExport: Any
"""The component of one export, for Dagster projects of their own."""


def __getattr__(name: str) -> Any:
    # Dagster takes seconds to load: only those who ask for the component wait for it.
    if name == "EventExport":
        return import_module("evexport_dagster.defs.component").EventExport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "EventExport"]
