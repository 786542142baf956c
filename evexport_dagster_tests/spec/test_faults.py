"""Wrong specs by the dozen: the exact paths of their faults, and what is said there."""

from __future__ import annotations

import re

import pytest

from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.settings import Settings
from evexport_dagster.spec.load import parse_spec
from evexport_dagster_tests.spec.conftest import SPEC

BASE = {line.partition(":")[0]: line.partition(": ")[2] for line in SPEC.splitlines()}

# What is changed in the least valid spec (None takes the key out) -> path of each fault: a part
# of what is said there.
WRONG: dict[str, tuple[dict[str, str | None], dict[str, str]]] = {
    "nothing required": (
        dict.fromkeys(BASE),
        {
            "name": "required",
            "source": "required",
            "destination": "required",
            "format": "required",
            "events": "required",
            "schedule": "required",
        },
    ),
    "upper case name": ({"name": "Purchases"}, {"name": "expected a-z"}),
    "dashed name": ({"name": "daily-export"}, {"name": "expected a-z"}),
    "long name": ({"name": "a" * 101}, {"name": "at most 100 characters"}),
    "two underscores": ({"name": "a__b"}, {"name": "no '__'"}),
    "name of a history": ({"name": "a_history"}, {"name": "does not end in '_history'"}),
    "number as name": ({"name": "7"}, {"name": "7: expected a text: put it in quotes"}),
    "unknown key": ({"formt": "csv"}, {"formt": "unknown key; did you mean 'format'?"}),
    "strange key": ({"zzzz": "1"}, {"zzzz": "unknown key; known are name, type"}),
    "no such type": ({"type": "event"}, {"type": "one of events, profiles; did you mean 'events'"}),
    "no such format": (
        {"format": "cvs"},
        {"format": "'cvs': expected one of csv, json, xml, parq"},
    ),
    "no such source": ({"source": "lak"}, {"source": "did you mean 'lake'"}),
    "no such destination": ({"destination": "acme"}, {"destination": "there is local"}),
    "list as source": ({"source": "[lake]"}, {"source": "a list: expected a text"}),
    "no such folder": ({"folder": "rot"}, {"folder": "{template: TEXT}; did you mean 'root'?"}),
    "number as folder": ({"folder": "4"}, {"folder": "4: expected root, data_type"}),
    "folder without template": ({"folder": "{}"}, {"folder.template": "required"}),
    "folder with more": (
        {"folder": "{template: a, templat: b}"},
        {"folder.templat": "did you mean 'template'"},
    ),
    "wrong folder": (
        {"folder": '{template: "a//b"}'},
        {"folder.template": "position 3: two slash"},
    ),
    "leaving folder": ({"folder": '{template: "../b"}'}, {"folder.template": "position 1"}),
    "wrong variable": (
        {"folder": '{template: "{{dat}}"}'},
        {"folder.template": "no variable 'dat'"},
    ),
    "wrong extension": (
        {"file_name": '{template: "a.json"}'},
        {"file_name.template": "contradicts the format"},
    ),
    "no such file name": ({"file_name": "usual"}, {"file_name": "expected default or {template"}),
    "gzip of csv": (
        {"compression": "gzip"},
        {"compression": "another compression is for parquet only"},
    ),
    "no identifiers": (
        {"identity": "{identifiers: []}"},
        {"identity.identifiers": "expected at least one"},
    ),
    "plain custom identifier": (
        {"identity": "{identifiers: [email, crm_id]}"},
        {
            "identity.identifiers[0]": "{custom: PROPERTY}; did you mean 'Email'?",
            "identity.identifiers[1]": "'crm_id': expected Identity, Email, Phone or {custom",
        },
    ),
    "empty custom identifier": (
        {"identity": '{identifiers: [{custom: ""}, {costum: x}]}'},
        {
            "identity.identifiers[0].custom": "not empty",
            "identity.identifiers[1].costum": "did you mean 'custom'?",
            "identity.identifiers[1].custom": "required",
        },
    ),
    "identifier twice": (
        {"identity": "{identifiers: [Email, {custom: Email}, Email, {custom: Email}]}"},
        {
            "identity.identifiers[2]": "'Email': the identifier is given twice, first at [0]",
            "identity.identifiers[3]": "given twice, first at [1]",
        },
    ),
    "text for a boolean": (
        {"identity": "{all_identities: yes, clevertap_id: 1}", "sort": '"true"'},
        {
            "identity.all_identities": "'yes': expected true or false",
            "identity.clevertap_id": "1: expected true or false",
            "sort": "'true': expected true or false",
        },
    ),
    "no such timestamp": ({"timestamp": "iso"}, {"timestamp": "one of epoch, datetime"}),
    "text for a list": ({"user_properties": "Email"}, {"user_properties": "expected a list"}),
    "six properties and one twice": (
        {"user_properties": "[a, b, c, d, e, a]"},
        {"user_properties": "at most 5", "user_properties[5]": "first at [0]"},
    ),
    "two with one label": (
        {"user_properties": "[Email, {name: mail, as: Email}]"},
        {"user_properties[1]": "the column name is given twice, first at [0]"},
    ),
    "no such device field": (
        {"device": "[platform, modl, 3]"},
        {"device[1]": "did you mean 'model'?", "device[2]": "3: expected one of platform"},
    ),
    "device field twice": ({"device": "[make, make]"}, {"device[1]": "first at [0]"}),
    "preference twice": ({"comm_prefs": "[MSG-sms, MSG-sms]"}, {"comm_prefs[1]": "first at [0]"}),
    "no such preference": ({"comm_prefs": "[MSG-emails]"}, {"comm_prefs[0]": "'MSG-email'"}),
    "no selection": ({"events": "{properties: all}"}, {"events.select": "required"}),
    "empty selection": ({"events": "{select: []}"}, {"events.select": "expected at least one"}),
    "one event": (
        {"events": "{select: Charged}"},
        {"events.select": "'Charged': expected all, system, engagement or a list of event names"},
    ),
    "number as event": (
        {"events": "{select: [2024, a, a]}"},
        {"events.select[0]": "2024: expected a text: put it in quotes"},
    ),
    "event twice": ({"events": "{select: [a, a]}"}, {"events.select[1]": "first at [0]"}),
    "empty event": ({"events": '{select: [""]}'}, {"events.select[0]": "not empty"}),
    "mapping as selection": (
        {"events": "{select: {a: b}}"},
        {"events.select": "a mapping: expect"},
    ),
    "wrong properties": (
        {"events": "{select: all, properties: [{nam: a}, {name: b, as: 3}, 4, [c]]}"},
        {
            "events.properties[0].nam": "did you mean 'name'?",
            "events.properties[0].name": "required, but missing (The property's name",
            "events.properties[1].as": "3: expected a text: put it in quotes",
            "events.properties[2]": "4: expected a property's name, or {name: NAME, as: LABEL}",
            "events.properties[3]": "a list: expected a property's name",
        },
    ),
    "property twice": (
        {"events": "{select: all, properties: [a, {name: a, as: b}]}"},
        {"events.properties[1]": "the property is given twice, first at [0]"},
    ),
    "python names": (
        {"events": "{select: [a], each: {a: {as_: b}}}"},
        {"events.each.a.as_": "unknown key"},
    ),
    "each of what is not selected": (
        {"events": "{select: [App Launched], each: {App launched: {as: x}, Charged: {}}}"},
        {
            'events.each["App launched"]': "not in events.select",
            "events.each.Charged": "not in events.select",
        },
    ),
    "wrong each": (
        {"events": "{select: all, each: {A B: {schema_updates: locked, properties: every}, C: x}}"},
        {
            'events.each["A B"].schema_updates': "did you mean 'lock'?",
            'events.each["A B"].properties': "'every': expected all, or a list",
            "events.each.C": "'x': expected a mapping",
        },
    ),
    "empty rename": (
        {"events": '{select: all, rename_properties: {a: "", "": b}}'},
        {"events.rename_properties.a": "not empty", 'events.rename_properties[""]': "not empty"},
    ),
    "no schedule": ({"schedule": "{}"}, {"schedule": "either `recurring` or `one_time`"}),
    "word as schedule": ({"schedule": "daily"}, {"schedule": "'daily': expected a mapping"}),
    "both schedules": (
        {
            "schedule": "{recurring: {every: 4h, start: 2026-06-14}, "
            "one_time: {from: 2026-06-01, to: 2026-06-02}}"
        },
        {"schedule": "either `recurring` or `one_time`"},
    ),
    "no such cadence": (
        {"schedule": "{recurring: {every: 6h, start: 2026-06-14}}"},
        {"schedule.recurring.every": "'6h': expected one of 4h, 8h, 12h, 24h"},
    ),
    "number as cadence": (
        {"schedule": "{recurring: {every: 4, start: 2026-06-14}}"},
        {"schedule.recurring.every": "4: expected one of 4h"},
    ),
    "quoted day": (
        {"schedule": '{recurring: {every: 4h, start: "2026-06-14"}}'},
        {"schedule.recurring.start": "without quotes"},
    ),
    "time as day": (
        {"schedule": "{recurring: {every: 4h, start: 2026-06-14T00:00:00Z}}"},
        {"schedule.recurring.start": "expected a day, such as 2026-06-14"},
    ),
    "no such day": (
        {"schedule": "{one_time: {from: 2026-02-01, to: 2026-02-30}}"},
        {"schedule.one_time.to": "2026-02-30 is not a day of the calendar"},
    ),
    "days beyond the calendar": (
        {"schedule": "{one_time: {from: 0001-01-01, to: 9999-12-31}}"},
        {
            "schedule.one_time.from": "0001-01-01: expected a day of the years 1700 to 8999",
            "schedule.one_time.to": "of the years 1700 to 8999",
        },
    ),
    "range backwards": (
        {"schedule": "{one_time: {from: 2026-06-02, to: 2026-06-01}}"},
        {"schedule.one_time.to": "2026-06-01: expected a day not before the first one, 2026-06-02"},
    ),
    "history over the start": (
        {
            "schedule": "{recurring: {every: 24h, start: 2026-06-14, "
            "history: {from: 2026-06-01, to: 2026-06-14}}}"
        },
        {"schedule.recurring.history.to": "before the recurring start, 2026-06-14"},
    ),
    "half a history": (
        {"schedule": "{recurring: {every: 24h, start: 2026-06-14, history: {form: 2026-06-01}}}"},
        {
            "schedule.recurring.history.form": "did you mean 'from'?",
            "schedule.recurring.history.from": "required",
            "schedule.recurring.history.to": "required",
        },
    ),
    "nothing given": ({"where": "", "sort": "~"}, {"where": "nothing is", "sort": "nothing is"}),
    "empty text": (
        {"where": '""', "description": '""'},
        {"where": "empty", "description": "empty"},
    ),
    "wrong owners": (
        {"owners": "[team:, me, a@b, data@acme.com]"},
        {"owners[0]": "team:NAME", "owners[1]": "an e-mail address", "owners[2]": "an e-mail"},
    ),
    "owner twice": ({"owners": "[team:a, team:a]"}, {"owners[1]": "first at [0]"}),
    "wrong tags": (
        {"tags": "{a b: c, d: e f, g: 1}"},
        {
            'tags["a b"]': "'a b': expected up to 63",
            "tags.d": "'e f'",
            "tags.g": "1: expected a text",
        },
    ),
    "event for profiles": (
        {"type": "profiles"},
        {"events": "an export of profiles has no events"},
    ),
    "keys of profiles for events": (
        {
            "properties": "[a]",
            "schema_updates": "lock",
            "rename_properties": "{a: b}",
            "tombstones": "true",
        },
        {
            "properties": "write `events.properties`",
            "schema_updates": "write `events.schema_updates`",
            "rename_properties": "write `events.rename_properties`",
            "tombstones": "events do not vanish",
        },
    ),
    "tombstones of once": (
        {
            "type": "profiles",
            "events": None,
            "tombstones": "true",
            "schedule": "{one_time: {from: 2026-06-01, to: 2026-06-02}}",
            "identity": "{clevertap_id: false}",
        },
        {"tombstones": "for recurring exports only|of a profile that vanished its id is known"},
    ),
    "history of profiles": (
        {
            "type": "profiles",
            "events": None,
            "schedule": "{recurring: {every: 4h, start: 2026-06-14,"
            " history: {from: 2026-06-01, to: 2026-06-02}}}",
        },
        {"schedule.recurring.history": "an export of profiles has no history"},
    ),
    "plain key of pii": (
        {"pii": "{key: hunter2}"},
        {"pii.key": "a secret is never written in YAML"},
    ),
    "no key of pii": (
        {"pii": "{fields: {Email: hash, Phone: masc}}"},
        {"pii.fields.Phone": "did you mean 'mask'?"},
    ),
    "hash without key": (
        {"pii": "{fields: {Email: hash}}"},
        {"pii.key": "required where a field is hashed"},
    ),
    "wrong look back": (
        {"late_events": "{look_back: 3 days}"},
        {"late_events.look_back": "such as 30s, 5m"},
    ),
}


def _text(changes: dict[str, str | None]) -> str:
    values = {**BASE, **changes}
    return (
        "\n".join(f"{key}: {value}" for key, value in values.items() if value is not None) or "{}"
    )


def _path(fault: Fault) -> str:
    found = re.fullmatch(r"x\.yaml: (.*?)( \(line \d+\))?", fault.where, re.DOTALL)
    assert found
    return found[1]


def _faults(text: str, settings: Settings) -> tuple[Fault, ...]:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, settings, "x.yaml")
    return caught.value.faults


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_has_its_path_and_says_what_is_allowed(name: str, settings: Settings) -> None:
    changes, said = WRONG[name]
    faults = _faults(_text(changes), settings)
    assert {_path(fault) for fault in faults} == set(said)
    for fault in faults:
        assert any(part in str(fault) for part in said[_path(fault)].split("|")), str(fault)


def test_all_faults_of_a_file_are_told_at_once_in_its_order(settings: Settings) -> None:
    one_each: dict[str, str | None] = {}
    expected: set[str] = set()
    for changes, said in WRONG.values():
        # Each key once; an extension and a compression are judged only beside a right format.
        alone = one_each.keys() & changes.keys() or None in changes.values()
        # ... as are keys for profiles, beside a right type.
        needs_format = ("contradicts the format", "for parquet only", "events do not vanish")
        alone = alone or any(part in text for text in said.values() for part in needs_format)
        if not alone:
            one_each |= changes
            expected |= set(said)
    faults = _faults(_text(one_each), settings)
    assert {_path(fault) for fault in faults} == expected
    lines = [int(fault.where.rpartition("line ")[2].rstrip(")")) for fault in faults]
    assert lines == sorted(lines)
    assert len(expected) > 20


def test_a_message_shows_neither_secrets_nor_long_values(settings: Settings) -> None:
    long = "x" * 500
    texts = [
        _text({"pii": "{key: hunter2}"}),
        _text({"pii": "{key: {env: hunter2!}}"}),
        _text({"pii": "{key: {value: hunter2}}"}),
        _text({"pii": "{key: [hunter2]}"}),
        _text({"timestamp": long}),
    ]
    for text in texts:
        with pytest.raises(SpecError) as caught:
            parse_spec(text, settings)
        assert "hunter2" not in str(caught.value)
        assert long not in str(caught.value)
