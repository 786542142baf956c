"""One export of a project, opened by itself: others of its project are open elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from evexport_dagster.exports.context import Context, system_clock
from evexport_dagster.exports.project import Project
from evexport_dagster.settings import load_settings
from evexport_dagster.spec.load import spec_of


def open_alone(
    folder: Path,
    values: Mapping[str, Any],
    file: Path,
    clock: Callable[[], datetime] = system_clock,
) -> Project:
    """The project in `folder`, with the one export (and its history) that these values are, as
    written in `file`; raises SpecError where they are wrong."""
    settings = load_settings(folder)
    loaded = spec_of(values, file, settings)
    return Project(Context(settings, clock), {loaded.spec.name: loaded}, {}, alone=True)
