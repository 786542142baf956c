"""Keys: where each file of a delivery lands, and which exports could land on each other."""

from __future__ import annotations

from evexport_dagster.naming.keys import (
    DataType,
    FolderPreset,
    Names,
    Naming,
    naming_faults,
)
from evexport_dagster.naming.meeting import Reach, could_meet
from evexport_dagster.naming.template import Part, Template, TemplateError, Variable

__all__ = [
    "DataType",
    "FolderPreset",
    "Names",
    "Naming",
    "Part",
    "Reach",
    "Template",
    "TemplateError",
    "Variable",
    "could_meet",
    "naming_faults",
]
