"""Dagster shows the columns of each delivery, and what changed in them."""

from __future__ import annotations

import dagster as dg

from evexport_dagster.defs.metadata import materialization, schema_metadata
from evexport_dagster.exports import SchemaReport
from evexport_dagster.record_schema import Drift, record_schema
from evexport_dagster_tests.handmade import Handmade, at, event, home

__all__ = ["home"]


def test_columns_have_the_names_of_a_header_and_the_types_that_were_seen() -> None:
    groups = [("", ["eventName"]), ("deviceInfo", ["os"]), ("eventProps", ["os", "n", "gone"])]
    sources = {"os": ("os",), "n": ("n", "m"), "gone": ("gone",)}
    schema = record_schema(groups, sources, {"os": "text", "n": "number", "m": "text"})
    drift = Drift(added=("n",), changed=(("os", ("list", "text")),))
    shown = schema_metadata(SchemaReport(schema, drift))
    columns = shown["dagster/column_schema"].value.columns
    assert [(it.name, it.type, it.description) for it in columns] == [
        ("eventName", "any", None),
        ("os", "any", "deviceInfo"),
        ("eventProps.os", "text", "eventProps"),
        ("n", "number or text", "eventProps"),
        ("gone", "any", "eventProps"),
    ]
    assert shown["schema hash"].value == schema.hash
    assert shown["drift in words"].value == "added n; os is text, was list"
    assert shown["drift"].value == drift.as_json()
    assert schema_metadata(None) == {}
    assert "drift" not in schema_metadata(SchemaReport(schema, Drift()))


def test_a_materialisation_has_the_schema_of_its_delivery(home: Handmade) -> None:
    home.events([event("Charged", at(0, 1), n=1), event("Charged", at(1, 1), n="1", new=True)])
    home.spec(events={"select": ["Charged"]})
    receipts = {it.window_start: it for it in home.run()}
    with home.open() as project:
        job, schemas = project.job("purchases"), project.unattended.schemas([*receipts.values()])
        shown = {
            start: materialization(
                job, it, project.settings, "file:///out", schema=schemas.get((start, it.event))
            ).metadata
            for start, it in receipts.items()
        }
    table = shown[at(1)]["dagster/column_schema"].value
    assert isinstance(table, dg.TableSchema)
    assert [it.name for it in table.columns] == [
        "eventName",
        "eventTime",
        "identity",
        "clevertapId",
        "n",
        "new",
    ]
    assert shown[at(1)]["schema hash"].value == receipts[at(1)].schema_hash
    assert shown[at(1)]["drift in words"].value == "added new; n is text, was number"
    assert "drift" not in shown[at(0)]
    assert "dagster/column_schema" not in shown[at(2)]
