"""`EventExport`: an export as a component, for people who have a Dagster project of their own.

    type: evexport_dagster.EventExport
    attributes:
      project: ../..        # the folder of evexport.yaml; by default the nearest one above
      name: purchases       # ... and every other key of an export

Attributes are not rendered as templates: `{{event-name}}` is a variable of file names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
import pydantic

from evexport_dagster.defs.broken import broken_definitions
from evexport_dagster.defs.project import project_definitions
from evexport_dagster.defs.resources import Keys
from evexport_dagster.errors import SpecError
from evexport_dagster.exports import open_alone
from evexport_dagster.settings import PROJECT_FILE
from evexport_dagster.spec.load import COMPONENT_FILE
from evexport_dagster.spec.model import ExportSpec


def _as_written() -> type[pydantic.BaseModel]:
    """The keys of a component file: what they hold is looked at by the spec itself."""
    keys: dict[str, Any] = {
        (field.alias or name): (
            Any,
            pydantic.Field(None, description=field.description, examples=field.examples),
        )
        for name, field in ExportSpec.model_fields.items()
    }
    where = pydantic.Field(None, description=f"The folder of `{PROJECT_FILE}`.")
    return pydantic.create_model(
        "EventExportAttributes",
        __config__=pydantic.ConfigDict(extra="forbid"),
        project=(str | None, where),
        **keys,
    )


class EventExport(dg.Component):
    """Delivers behavioural events as files, window by window; see the page `component.md`.

    Args:
        folder: The folder of `evexport.yaml`.
        attributes: The keys of an export, as in `exports/*.yaml`.
        file: Where they are written, for messages.
    """

    def __init__(self, folder: Path, attributes: Mapping[str, Any], file: Path) -> None:
        self.folder, self.attributes, self.file = folder, dict(attributes), file

    @classmethod
    def get_model_cls(cls) -> type[pydantic.BaseModel]:
        """The keys that a component file may have."""
        return _ATTRIBUTES

    @classmethod
    def load(cls, attributes: pydantic.BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component of a file; paths in it are relative to its folder."""
        values = attributes.model_dump(exclude_unset=True) if attributes else {}
        here, given = context.path, values.pop("project", None)
        home = here if here.is_dir() else here.parent
        folder = home / given if given else _nearest(home)
        return cls(folder, values, home / COMPONENT_FILE)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the export, that of its history, and the sensors that run them."""
        try:
            project = open_alone(self.folder, self.attributes, self.file)
        except SpecError as error:
            name = str(self.attributes.get("name", self.file.parent.name))
            return broken_definitions({name: error}, Keys(name))
        (name,) = project.specs
        return project_definitions(project, Keys(name))


_ATTRIBUTES = _as_written()


def _nearest(folder: Path) -> Path:
    """The nearest folder with an `evexport.yaml`, upwards; the given one where there is none."""
    above = (it for it in (folder, *folder.parents) if (it / PROJECT_FILE).is_file())
    return next(above, folder)
