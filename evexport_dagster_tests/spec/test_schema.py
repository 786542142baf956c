"""The schemas for editors: current, and of one mind with the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.settings import Settings
from evexport_dagster.spec.load import parse_spec
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.spec.reading import parse_document
from evexport_dagster.spec.schema import FOLDER, SCHEMAS, schema, schema_text, write_schemas
from evexport_dagster_tests.spec.conftest import FULL_SPEC, PROJECT, SPEC


def _plain(text: str) -> Any:
    data = parse_document(text, "x.yaml").data
    return json.loads(json.dumps(data, default=date.isoformat))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_current(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == schema_text(SCHEMAS[name]), "run: python -m evexport_dagster.spec.schema"


def test_all_schemas_are_written(tmp_path: Path) -> None:
    written = write_schemas(tmp_path)
    assert {path.name for path in written} == set(SCHEMAS)
    for path in written:
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def _with_defaults(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if "default" in node and "pattern" in node:
            yield node
        node = list(node.values())
    for below in node if isinstance(node, list) else ():
        yield from _with_defaults(below)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_default_is_shown_as_a_file_would_write_it(name: str) -> None:
    found = list(_with_defaults(schema(SCHEMAS[name])))
    assert found
    for node in found:
        jsonschema.validate(node["default"], node)


@pytest.mark.parametrize("text", [SPEC, FULL_SPEC])
def test_an_editor_takes_a_right_spec(text: str) -> None:
    jsonschema.validate(_plain(text), schema(ExportSpec))


def test_an_editor_takes_a_right_project() -> None:
    jsonschema.validate(_plain(PROJECT), schema(SCHEMAS["project.schema.json"]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("format: csv", "format: cvs"),
        ("name: purchases", "name: Purchases"),
        ("name: purchases", "name: a_history"),
        ("name: purchases", "name: a__b"),
        ("name:", "nam:"),
        ("[Charged, App Launched]", "Charged"),
        ("[Charged, App Launched]", "[]"),
        ("4h", "5h"),
        ("events: {select: [Charged, App Launched]}\n", ""),
        ("format: csv", "format: csv\nuser_properties: [a, b, c, d, e, f]"),
        ("format: csv", "format: csv\nidentity: {identifiers: [crm_id]}"),
        ("format: csv", "format: csv\nowners: [me]"),
        ("format: csv", "format: csv\ndevice: [modl]"),
        ("format: csv", "format: csv\ntags: {a b: c}"),
        ("format: csv", "format: csv\nwhere:"),
    ],
)
def test_an_editor_marks_what_loading_refuses(before: str, after: str, settings: Settings) -> None:
    assert before in SPEC
    text = SPEC.replace(before, after)
    with pytest.raises(SpecError):
        parse_spec(text, settings)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_plain(text), schema(ExportSpec))
