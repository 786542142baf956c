from __future__ import annotations

from pathlib import Path

import pytest

from evexport_dagster.settings import Settings, load_settings

PROJECT = """
account: {id: "1517477760", name: Acme, timezone: Pacific/Honolulu}
sources:
  lake:
    events:   {from: "lake/events/*.parquet"}
    profiles: {from: "lake/profiles.parquet", columns: {email: "lower(email)"}}
destinations:
  local: {type: local, path: out}
"""

SPEC = """\
name: purchases
source: lake
destination: local
format: csv
events: {select: [Charged, App Launched]}
schedule: {recurring: {every: 4h, start: 2026-06-14}}
"""
"""The least that an export of events needs."""

FULL_SPEC = """\
# yaml-language-server: $schema=../evexport_dagster/spec/export.schema.json
name: purchases
type: events
source: lake
destination: local
folder: {template: "{{date}}/{{event-name}}/run-{{export-id}}"}
file_name: {template: "events-{{date}}-{{export-id}}"}
format: parquet
compression: gzip
identity:
  identifiers: [Identity, Email, Phone, {custom: crm_id}]
  preference: first
  all_identities: true
  clevertap_id: true
timestamp: datetime
user_properties: [Email, {name: Gender, as: sex}]
device: [platform, make, model]
comm_prefs: [subscriptionGroups, MSG-email]
events:
  select: [Charged, App Launched]
  properties: all
  schema_updates: append
  rename_properties: {Campaign id: campaignId}
  each:
    Charged:
      as: Purchase
      properties: [{name: Amount, as: amount}, Currency]
      schema_updates: lock
schedule:
  recurring: {every: 4h, start: 2026-06-14, history: {from: 2026-03-16, to: 2026-06-13}}
manifest: true
as_string: false
sort: false
where: "event_props->>'Currency' = 'INR'"
pii: {key: {env: PII_KEY}, fields: {Email: hash, Phone: mask, crm_id: drop}, forbid: ["*ssn*"]}
description: Purchases for the finance lake
owners: [data@acme.com, team:finance]
tags: {domain: finance}
late_events: {policy: replace, look_back: 3d}
layout: clevertap
"""
"""Every key of a spec."""


def write_project(folder: Path, text: str = PROJECT, **exports: str) -> Path:
    """A project folder with `evexport.yaml` and the given exports, by file stem."""
    (folder / "exports").mkdir(parents=True, exist_ok=True)
    (folder / "evexport.yaml").write_text(text, encoding="utf-8")
    for stem, spec in exports.items():
        (folder / "exports" / f"{stem}.yaml").write_text(spec, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(write_project(tmp_path_factory.mktemp("project")))
