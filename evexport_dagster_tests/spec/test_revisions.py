"""Two spellings of one meaning are one; a change is told in the words of the spec."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evexport_dagster.settings import Settings, load_settings
from evexport_dagster.spec.load import parse_spec
from evexport_dagster.spec.revisions import difference, fingerprint, locked_changes, meaning
from evexport_dagster_tests.spec.conftest import PROJECT, SPEC, write_project

EVENTS = "{select: [Charged, App Launched]}"


def _meaning(text: str, settings: Settings) -> dict[str, object]:
    return meaning(parse_spec(text, settings).spec, settings)


def _changed(before: str, after: str, settings: Settings, text: str = SPEC) -> list[str]:
    assert before in text
    changed = text.replace(before, after)
    return difference(_meaning(text, settings), _meaning(changed, settings))


SAME = {
    "defaults": (
        EVENTS,
        EVENTS + "\ntype: events\nfolder: root\nfile_name: default\ncompression: default\n"
        "identity: {identifiers: [Identity], preference: first, clevertap_id: true}\n"
        "timestamp: epoch\nuser_properties: []\ndevice: []\ncomm_prefs: []\nmanifest: false\n"
        "as_string: false\nsort: false\nlayout: clevertap\ntags: {}\nowners: []",
    ),
    "common choice": (
        EVENTS,
        "{select: [Charged, App Launched], properties: all, schema_updates: append}",
    ),
    "own choice like the common one": (
        EVENTS,
        "{select: [Charged, App Launched], each: {Charged: {as: Charged, properties: all}}}",
    ),
    "who is told": (EVENTS, EVENTS + "\ndescription: x\nowners: [team:a]\ntags: {a: b}"),
    "history": ("2026-06-14}", "2026-06-14, history: {from: 2026-06-01, to: 2026-06-13}}"),
    "spelling": ("events: ", "'events': "),
}


@pytest.mark.parametrize("name", SAME)
def test_another_spelling_is_the_same_meaning(name: str, settings: Settings) -> None:
    before, after = SAME[name]
    assert _changed(before, after, settings) == []
    changed = _meaning(SPEC.replace(before, after), settings)
    assert fingerprint(changed) == fingerprint(_meaning(SPEC, settings))


def test_two_forms_of_a_list_are_the_same_meaning(settings: Settings) -> None:
    text = SPEC.replace(EVENTS, "{select: all, properties: [a, {name: b, as: b}]}")
    assert _changed("[a, {name: b, as: b}]", "[{name: a}, b]", settings, text) == []
    text += "folder: {template: '{{date}}'}\ncomm_prefs: [MSG-sms, MSG-push]\n"
    assert _changed("{{date}}", "{{ Date }}", settings, text) == []
    assert _changed("MSG-sms, MSG-push", "MSG-push, MSG-sms", settings, text) == []


CHANGES = {
    "an event": (
        "App Launched",
        "App Opened",
        ["events.select[1]: 'App Launched' -> 'App Opened'"],
    ),
    "one event more": ("App Launched]", "App Launched, x]", ["events.select[2]: not set -> 'x'"]),
    "all events": (
        "[Charged, App Launched]",
        "all",
        ["events.select: ['Charged', 'App Launched'] -> 'all'"],
    ),
    "a name of an event": (
        EVENTS,
        "{select: [Charged, App Launched], each: {App Launched: {as: Open}}}",
        ["events.each: not set -> {'App Launched': {'as': 'Open'}}"],
    ),
    "a lock": (
        EVENTS,
        "{select: [Charged, App Launched], schema_updates: lock}",
        ["events.schema_updates: not set -> 'lock'"],
    ),
    "the format": ("csv", "json", ["format: 'csv' -> 'json'"]),
    "the cadence": ("4h", "8h", ["schedule.recurring.every: '4h' -> '8h'"]),
    "a device field": ("csv", "csv\ndevice: [make]", ["device: not set -> ['make']"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_in_the_words_of_the_spec(name: str, settings: Settings) -> None:
    before, after, told = CHANGES[name]
    assert _changed(before, after, settings) == told
    changed = _meaning(SPEC.replace(before, after), settings)
    assert fingerprint(changed) != fingerprint(_meaning(SPEC, settings))


LOCKED = {
    "name": ("purchases", "orders", 1),
    "cadence": ("4h", "8h", 1),
    "start": ("2026-06-14", "2026-06-15", 1),
    "kind of schedule": (
        "recurring: {every: 4h, start: 2026-06-14}",
        "one_time: {from: 2026-06-01, to: 2026-06-02}",
        2,
    ),
    "format": ("csv", "json", 0),
    "events": ("Charged", "Paid", 0),
}


@pytest.mark.parametrize("name", LOCKED)
def test_what_no_edit_changes_is_told(name: str, settings: Settings) -> None:
    before, after, count = LOCKED[name]
    old, new = _meaning(SPEC, settings), _meaning(SPEC.replace(before, after), settings)
    locked = locked_changes(old, new)
    assert len(locked) == count
    assert all(line.endswith("of an export never changes)") for line in locked)


PROJECTS = {
    "account": ("1517477760", "7", ["account.id: '1517477760' -> '7'"], 0),
    "zone": (
        "Pacific/Honolulu",
        "Asia/Kolkata",
        ["account.timezone: 'Pacific/Honolulu' -> 'Asia/Kolkata'"],
        1,
    ),
    "mapping": (
        "lower(email)",
        "mail",
        ["source.profiles.columns.email: 'lower(email)' -> 'mail'"],
        0,
    ),
    "place": ("path: out", "path: ../out", None, 0),
    "prefix": ("path: out", "path: out, prefix: a/b", ["destination.prefix: not set -> 'a/b'"], 0),
    "people's name": ("Acme", "Acme Ltd", [], 0),
    "runtime": ("account:", "runtime: {threads: 8, memory: 4GB, settle: 9m}\naccount:", [], 0),
    "catalog": ("account:", "catalog: {system: [Mine]}\naccount:", [], 0),
    "same prefix": ("path: out", "path: ./out/", [], 0),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_what_an_export_uses_of_its_project_is_part_of_its_meaning(
    name: str, tmp_path: Path
) -> None:
    before, after, told, locked = PROJECTS[name]
    old = _meaning(SPEC, load_settings(write_project(tmp_path)))
    new = _meaning(SPEC, load_settings(write_project(tmp_path, PROJECT.replace(before, after))))
    if told is not None:
        assert difference(old, new) == told
    assert (fingerprint(old) == fingerprint(new)) == (told == [])
    assert len(locked_changes(old, new)) == locked


REMOTE = """\
account: {id: "1", name: Acme, timezone: UTC}
sources:
  lake: {connection: there, events: {from: "s3://b/e/*.parquet"}, profiles: {from: "s3://b/p.parquet"}}
  blobs: {connection: azure, events: {from: "az://c/e/*.parquet"}, profiles: {from: "az://c/p.parquet"}}
destinations:
  local: {type: local, path: out}
  there: {type: s3, bucket: b, endpoint: "https://one.example", role_arn: "arn:aws:iam::1:role/a"}
  again: {type: s3, bucket: c, endpoint: "https://one.example", region: eu-west-1}
  azure: {type: azure, account: one, container: c, sas_token: {env: ONE}}
"""
ELSEWHERE = {
    "another store": ("https://one", "https://two", "lake", True),
    "Amazon's own": (', endpoint: "https://one.example", role', ", role", "lake", True),
    "another role": ("role/a", "role/b", "lake", False),
    "another way into the same store": ("connection: there", "connection: again", "lake", False),
    "another account": ("account: one", "account: two", "blobs", True),
    "the same account": (
        "account: one",
        'endpoint: "https://one.blob.core.windows.net"',
        "blobs",
        False,
    ),
    "another token": ("env: ONE", "env: TWO", "blobs", False),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_where_a_source_is_has_a_meaning_and_how_one_gets_in_has_none(
    name: str, tmp_path: Path
) -> None:
    before, after, source, differs = ELSEWHERE[name]
    assert before in REMOTE
    spec = SPEC.replace("source: lake", f"source: {source}")
    old = _meaning(spec, load_settings(write_project(tmp_path, REMOTE)))
    new = _meaning(spec, load_settings(write_project(tmp_path, REMOTE.replace(before, after))))
    told = difference(old, new)
    assert [line.partition(":")[0] for line in told] == ["source.endpoint"] * differs


def test_a_project_folder_can_move(tmp_path: Path) -> None:
    here, there = (load_settings(write_project(tmp_path / name)) for name in ("here", "there"))
    assert _meaning(SPEC, here) == _meaning(SPEC, there)


def test_a_meaning_is_plain_json(settings: Settings) -> None:
    values = _meaning(SPEC, settings)
    assert json.loads(json.dumps(values)) == values
    assert difference(values, json.loads(json.dumps(values))) == []


def test_a_fingerprint_stays_the_same_for_ever() -> None:
    assert fingerprint({"b": [1, "é"], "a": None}) == fingerprint({"a": None, "b": [1, "é"]})
    assert fingerprint({"name": "purchases"}) == "7ef914ac3ad2b692"
