"""The verbs: create, edit, preview, run, stop, list, show, check."""

from __future__ import annotations

from evexport_dagster.exports.alone import open_alone
from evexport_dagster.exports.checks import CheckResult
from evexport_dagster.exports.history import ExportDetail, WindowHistory
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.late import LATE_ROWS, LateLook, Looked, late_lines, look_lines
from evexport_dagster.exports.listing import (
    FILTERS,
    PAGE_SIZES,
    ExportFilter,
    ExportPage,
    ExportRow,
)
from evexport_dagster.exports.migration import (
    EventChanges,
    FieldChange,
    LayoutDifference,
    ValueChange,
)
from evexport_dagster.exports.planner import Facts, LastRun, NextRun, in_turn, is_done, next_run
from evexport_dagster.exports.previews import Preview, PreviewDelivery
from evexport_dagster.exports.project import Project, load_project
from evexport_dagster.exports.registration import Edited
from evexport_dagster.exports.results import RunResult
from evexport_dagster.exports.rows import OF_WHOLE_SOURCE
from evexport_dagster.exports.schemas import SchemaReport
from evexport_dagster.plan import Progress, Task

__all__ = [
    "FILTERS",
    "LATE_ROWS",
    "OF_WHOLE_SOURCE",
    "PAGE_SIZES",
    "CheckResult",
    "Edited",
    "EventChanges",
    "ExportDetail",
    "ExportFilter",
    "ExportJob",
    "ExportPage",
    "ExportRow",
    "Facts",
    "FieldChange",
    "LastRun",
    "LateLook",
    "LayoutDifference",
    "Looked",
    "NextRun",
    "Preview",
    "PreviewDelivery",
    "Progress",
    "Project",
    "RunResult",
    "SchemaReport",
    "Task",
    "ValueChange",
    "WindowHistory",
    "in_turn",
    "is_done",
    "late_lines",
    "load_project",
    "look_lines",
    "next_run",
    "open_alone",
]
