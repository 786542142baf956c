"""Behavioural events and user profiles, delivered as files, exactly once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from evexport_dagster.exports import Project, load_project

if TYPE_CHECKING:
    from evexport_dagster.defs.component import EventExport

__all__ = ["EventExport", "Project", "load_project"]


def __getattr__(name: str) -> Any:
    # Dagster takes seconds to load: only those who ask for the component wait for it.
    if name == "EventExport":
        return import_module("evexport_dagster.defs.component").EventExport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "EventExport"]
