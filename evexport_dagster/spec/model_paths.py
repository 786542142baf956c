"""Folders and file names, parsed into templates when a spec is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Tag

from evexport_dagster.naming import (
    DataType,
    FolderPreset,
    Template,
    TemplateError,
    naming_faults,
)
from evexport_dagster.spec.fields import (
    MAPPING,
    TEXT,
    UP,
    Model,
    Written,
    Wrong,
    by_shape,
    refuse,
    words,
)


def _template(text: str) -> Template:
    try:
        return Template.parse(text)
    except TemplateError as error:
        raise refuse(Wrong(f"position {error.position}: {error.reason}")) from error


TemplateField = Annotated[Template, Written(str, _template, str, (Template,))]


class _TemplateForm(Model):
    template: TemplateField = pydantic.Field(examples=["{{date}}/{{event-name}}/run-{{export-id}}"])
    """Letters, digits, `/ - _ = .` and variables: `{{Account-id}}`, `{{Export-id}}`,
    `{{Timestamp}}`, `{{Instance-id}}`, `{{Date}}`, `{{Event-name}}`, `{{Window-start}}`,
    `{{Window-end}}`, `{{Window-date}}`, `{{Format}}`."""


_FOLDERS = "root, data_type, run_date, export_id, event_name or {template: TEXT}"
_FolderForm = Annotated[
    Annotated[FolderPreset, words(_FOLDERS), Tag(TEXT)] | Annotated[_TemplateForm, Tag(MAPPING)],
    by_shape(_FOLDERS),
]
_FILE_NAMES = "default or {template: TEXT}"
_FileNameForm = Annotated[
    Annotated[Literal["default"], words(_FILE_NAMES), Tag(TEXT)]
    | Annotated[_TemplateForm, Tag(MAPPING)],
    by_shape(_FILE_NAMES),
]


def _path(form: Any) -> Any:
    return form.template if isinstance(form, _TemplateForm) else form


def _path_form(path: Any) -> Any:
    return {"template": str(path)} if isinstance(path, Template) else path


Folder = Annotated[FolderPreset | Template, Written(_FolderForm, _path, _path_form, (Template,))]
FileName = Annotated[
    Literal["default"] | Template, Written(_FileNameForm, _path, _path_form, (Template,))
]


def file_extension(file_format: str, compression: str) -> str:
    """What file names end in: `csv.gz`, `json.gz`, `xml.gz`, `parquet` or `parquet.gz`."""
    if file_format == "parquet":
        return "parquet.gz" if compression == "gzip" else "parquet"
    return f"{file_format}.gz"


def path_data_type(exported: str) -> DataType:
    """The word for it in paths: `events` or `profile`."""
    return "events" if exported == "events" else "profile"


def path_wrongs(spec: Mapping[str, Any]) -> Iterator[Wrong]:
    """What is wrong with paths that are right by themselves; nothing where a part is missing."""
    if not {"folder", "file_name", "format", "compression", "type"} <= spec.keys():
        return
    extension = file_extension(spec["format"], spec["compression"])
    data_type = path_data_type(spec["type"])
    for error in naming_faults(spec["folder"], spec["file_name"], extension, data_type):
        key = error.field or "file_name"
        inside = ("template",) if isinstance(spec[key], Template) else ()
        yield Wrong(f"position {error.position}: {error.reason}", (UP, key, *inside))
