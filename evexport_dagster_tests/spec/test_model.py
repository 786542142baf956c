"""The model from Python: defaults, effective values, and the order of things."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from evexport_dagster.naming import Template
from evexport_dagster.settings import Settings
from evexport_dagster.spec.document import Document
from evexport_dagster.spec.load import parse_spec
from evexport_dagster.spec.misfits import OF_PROFILES
from evexport_dagster.spec.model import (
    NO_EVENTS,
    DayRange,
    EventChoice,
    Events,
    ExportSpec,
    Field,
    Identifier,
    OneTime,
    Recurring,
)
from evexport_dagster.spec.model_project import Project
from evexport_dagster.spec.reading import parse_document
from evexport_dagster.spec.revisions import restored, stored
from evexport_dagster.spec.validate import validated
from evexport_dagster_tests.spec.conftest import FULL_SPEC, SPEC


def full() -> ExportSpec:
    spec, faults = validated(ExportSpec, parse_document(FULL_SPEC, "x.yaml"))
    assert not faults
    assert spec is not None
    return spec


def test_what_is_left_out_has_the_documented_default(settings: Settings) -> None:
    spec = parse_spec(SPEC, settings).spec
    assert spec.identity.identifiers == (Identifier("Identity", "Identity"),)
    assert (spec.identity.preference, spec.identity.clevertap_id) == ("first", True)
    assert not spec.identity.all_identities
    assert (spec.type, spec.folder, spec.file_name) == ("events", "root", "default")
    assert (spec.timestamp, spec.compression, spec.layout) == ("epoch", "default", "clevertap")
    assert not any((spec.user_properties, spec.device, spec.comm_prefs, spec.owners, spec.tags))
    assert (spec.manifest, spec.as_string, spec.sort) == (False, False, False)
    assert (spec.where, spec.pii, spec.description) == (None, None, None)
    assert (spec.late_events.policy, spec.late_events.look_back) == ("replace", timedelta(days=3))
    assert spec.events.choice("Charged").properties == "all"
    assert spec.events.choice("Charged").schema_updates == "append"
    assert spec.schedule == Recurring(every=4, start=date(2026, 6, 14))


def test_every_key_is_read_into_its_type() -> None:
    spec = full()
    assert spec.folder == Template.parse("{{Date}}/{{Event-name}}/run-{{Export-id}}")
    assert spec.file_name == Template.parse("events-{{Date}}-{{Export-id}}")
    assert spec.extension == "parquet.gz"
    assert spec.identity.identifiers[3] == Identifier("custom", "crm_id")
    assert spec.user_properties == (Field("Email"), Field("Gender", "sex"))
    assert [field.label for field in spec.user_properties] == ["Email", "sex"]
    assert isinstance(spec.schedule, Recurring)
    assert spec.schedule.history == DayRange(from_=date(2026, 3, 16), to=date(2026, 6, 13))
    assert spec.pii is not None
    assert spec.pii.fields_ == {"Email": "hash", "Phone": "mask", "crm_id": "drop"}
    of_events = set(spec.model_dump()) - OF_PROFILES.keys()
    assert of_events == set(parse_document(FULL_SPEC, "x.yaml").data)


def test_preferences_have_one_order_and_device_fields_that_of_the_spec(settings: Settings) -> None:
    text = f"{SPEC}comm_prefs: [MSG-email, subscriptionGroups]\ndevice: [model, make]\n"
    spec = parse_spec(text, settings).spec
    assert spec.comm_prefs == ("subscriptionGroups", "MSG-email")
    assert spec.device == ("model", "make")


def test_an_event_takes_its_own_choice_else_the_common_one() -> None:
    events = full().events
    charged, launched = events.choice("Charged"), events.choice("App Launched")
    assert (charged.label, launched.label) == ("Purchase", "App Launched")
    assert charged.properties == (Field("Amount", "amount"), Field("Currency"))
    assert (charged.schema_updates, launched.schema_updates) == ("lock", "append")
    assert launched.properties == "all"
    assert launched.renames == {"Campaign id": "campaignId"}


@pytest.mark.parametrize(
    ("common", "own", "updates"),
    [
        ({}, {}, "append"),
        ({"properties": ["a"]}, {}, "lock"),
        ({"properties": ["a"]}, {"properties": "all"}, "append"),
        ({}, {"properties": ["a"]}, "lock"),
        ({"schema_updates": "append"}, {"properties": ["a"]}, "append"),
        ({"schema_updates": "lock"}, {}, "lock"),
        ({"schema_updates": "lock"}, {"schema_updates": "append"}, "append"),
        ({"properties": ["a"], "schema_updates": "append"}, {}, "append"),
    ],
)
def test_updates_append_to_all_and_lock_a_list_unless_told(
    common: dict[str, Any], own: dict[str, Any], updates: str
) -> None:
    events = Events.model_validate({"select": ["A"], "each": {"A": own}, **common})
    assert events.choice("A").schema_updates == updates


def test_a_rename_holds_in_every_event_and_an_as_wins() -> None:
    events = Events(
        select="all",
        rename_properties={"a": "x", "b": "y"},
        each={"A": EventChoice(properties=(Field("a"), Field("b", "b"), Field("c", "d")))},
    )
    assert events.choice("A").properties == (Field("a", "x"), Field("b", "b"), Field("c", "d"))


def test_a_history_is_an_export_of_its_own() -> None:
    spec = full()
    history = spec.history()
    assert history is not None
    assert history.name == "purchases_history"
    assert history.schedule == OneTime(from_=date(2026, 3, 16), to=date(2026, 6, 13))
    assert history.events == spec.events
    assert history.history() is None


@pytest.mark.parametrize("day", [13, 12, 1])
def test_the_days_between_history_and_start_are_counted(day: int) -> None:
    history = DayRange(from_=date(2026, 6, 1), to=date(2026, 6, day))
    assert Recurring(every=4, start=date(2026, 6, 14), history=history).gap_days() == 13 - day


def test_a_spec_is_stored_as_json_and_restored() -> None:
    spec = full()
    history = spec.history()
    assert history is not None
    assert restored(stored(spec)) == spec
    assert restored(stored(history)) == history


def test_an_export_of_profiles_needs_no_events_and_is_restored() -> None:
    values = {**stored(full()), "type": "profiles", "folder": "root"}
    values["file_name"] = "default"
    del values["events"]
    values["schedule"]["recurring"]["history"] = None
    spec = restored(values)
    assert spec.events == NO_EVENTS
    assert spec.data_type == "profile"
    assert stored(spec) == values


@pytest.mark.parametrize("values", [{"select": []}, {"select": [1]}, {"selected": "all"}])
def test_python_is_checked_like_yaml(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Events.model_validate(values)


def test_a_spec_does_not_change() -> None:
    with pytest.raises(ValidationError):
        full().name = "other"  # type: ignore[misc]


def test_every_field_of_every_model_is_described() -> None:
    for root in (ExportSpec, Project):
        schema = root.model_json_schema()
        for node in (schema, *schema["$defs"].values()):
            for name, field in node.get("properties", {}).items():
                told = field.get("description") or field.get("$ref")
                assert told, (node["title"], name)


def test_a_document_is_not_changed_by_its_check() -> None:
    document: Document = parse_document(SPEC, "x.yaml")
    before = dict(document.data)
    validated(ExportSpec, document)
    assert document.data == before
