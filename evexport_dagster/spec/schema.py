"""JSON schemas for editors, made from the models.

A file that starts with `# yaml-language-server: $schema=PATH` is completed and checked while it
is written. `python -m evexport_dagster.spec.schema` writes both schemas beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from evexport_dagster.spec.fields import Model
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.spec.model_project import Project

FOLDER: Final = Path(__file__).parent
SCHEMAS: Final[Mapping[str, type[Model]]] = {
    "export.schema.json": ExportSpec,
    "project.schema.json": Project,
}
"""File name -> the model that it describes."""


class _ForEditors(GenerateJsonSchema):
    """Leaves out `null`, as a key without a value is refused when a file is read, and shows
    defaults as a file would write them."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        values = super().default_schema(schema)
        # pydantic writes `PT5M` and 2000000000 where a file says 5m and 2GB.
        form = schema["schema"]
        while form["type"] == "function-after":
            form = form["schema"]
        write = form.get("serialization", {}).get("function")
        if write is not None and values.get("default") is not None:
            values["default"] = write(schema["default"])
        return {key: it for key, it in values.items() if key != "default" or it is not None}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        values = super().dict_schema(schema)
        return (
            {**values, "additionalProperties": False} if "patternProperties" in values else values
        )


def schema(model: type[Model]) -> dict[str, Any]:
    """The JSON schema (2020-12) of the YAML that a model reads."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(schema_generator=_ForEditors),
    }


def schema_text(model: type[Model]) -> str:
    """The schema as it is written to its file."""
    return json.dumps(schema(model), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path = FOLDER) -> tuple[Path, ...]:
    """Writes every schema; returns the files."""
    written = []
    for name, model in SCHEMAS.items():
        path = folder / name
        path.write_text(schema_text(model), encoding="utf-8")
        written.append(path)
    return tuple(written)


if __name__ == "__main__":
    write_schemas()
