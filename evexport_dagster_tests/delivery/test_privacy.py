"""Personal data on its whole way: files, previews, the ledger, and what people are told."""

from __future__ import annotations

import gzip
import hmac
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evexport_dagster.errors import RevisionError, SpecError
from evexport_dagster_tests.handmade import Handmade, at, event

KEY = "correct horse battery staple"
RAW = ("ann@example.com", "s3cr3t-text", "SSN 078-05-1120")
PII: dict[str, Any] = {
    "key": {"env": "PII_KEY"},
    "fields": {"Email": "hash", "note": "mask", "crm_id": "drop"},
    "forbid": ["*ssn*"],
}


@pytest.fixture
def people(home: Handmade, monkeypatch: pytest.MonkeyPatch) -> Handmade:
    monkeypatch.setenv("PII_KEY", KEY)
    home.events(
        event("Charged", at(0, n), Email=RAW[0], note=RAW[1], crm_id=n, nested={"n": [n]})
        for n in range(5)
    )
    home.spec(pii=PII, identity={"identifiers": ["Email"], "all_identities": True}, where="true")
    return home


def hashed(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), "sha256").hexdigest()


def readable(data: bytes, key: str) -> bytes:
    """What a consumer reads in a file."""
    if key.endswith(".parquet"):
        return repr(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
    return gzip.decompress(data)


def everything(folder: Path) -> bytes:
    """All that a project keeps, but for its source."""
    files = (it for it in sorted(folder.rglob("*")) if it.is_file() and "lake" not in it.parts)
    return b"\0".join(it.read_bytes() for it in files)


@pytest.mark.parametrize("format_", ["csv", "json", "xml", "parquet"])
def test_no_file_holds_what_is_hidden(people: Handmade, format_: str) -> None:
    people.spec(
        format=format_,
        pii=PII,
        identity={"identifiers": ["Email"], "all_identities": True},
        user_properties=["Email", "crm_id"],
    )
    people.run(to=at(1))
    files = {key: readable(data, key) for key, data in people.tree().items()}
    charged = b"".join(data for key, data in files.items() if "Charged" in key)
    assert charged.count(hashed(RAW[0]).encode()) == 5 * 4
    assert charged.count(b"s***") == 5
    assert not [raw for raw in RAW if raw.encode() in charged]
    assert not [raw for raw in (*RAW, KEY) if raw.encode() in everything(people.folder)]


def test_a_preview_is_as_hidden_as_its_files(people: Handmade) -> None:
    shown = people.open().preview("purchases", event="Charged", rows=9)
    lines = shown.records["Charged"]
    assert len(lines) == 5
    assert all(line.count(hashed(RAW[0])) == 3 for line in lines)
    assert not [line for line in lines for raw in RAW if raw in line]
    assert "crm_id" not in shown.columns["Charged"]


def test_a_forbidden_property_fails_the_run_before_anything_is_written(people: Handmade) -> None:
    people.run(to=at(1))
    before = people.tree()
    people.events([event("Charged", at(1, 1), user_SSN=RAW[2], new=1)], "more")
    with pytest.raises(SpecError, match=r"event 'Charged': 'user_SSN': matches '\*ssn\*'"):
        people.run(to=at(2))
    assert people.tree() == before
    with people.open() as project:
        assert "user_SSN" not in str(project.preview("purchases", window_start=at(0)).columns)
        with pytest.raises(SpecError, match="user_SSN"):
            project.preview("purchases", window_start=at(1))
        (row,) = project.list()
    assert row.last_failure is not None
    assert (row.last_failure.kind, RAW[2] in row.last_failure.message) == ("spec", False)
    hidden = {**PII, "fields": {**PII["fields"], "user_SSN": "drop"}}
    people.spec(pii=hidden, identity={"identifiers": ["Email"], "all_identities": True})
    with people.open() as project:
        project.edit("purchases")
    people.run(to=at(2))
    assert RAW[2] not in str(people.delivered())


def test_other_personal_data_is_another_meaning_and_another_key_is_none(
    people: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.run(to=at(1))
    same: dict[str, Any] = {
        "identity": {"identifiers": ["Email"], "all_identities": True},
        "where": "true",
    }
    people.spec(pii={**PII, "fields": {**PII["fields"], "Email": "drop"}}, **same)
    with pytest.raises(RevisionError, match=r"pii\.fields\.Email: 'hash' -> 'drop'"):
        people.run(to=at(2))
    people.spec(pii={**PII, "key": {"env": "OTHER_KEY"}}, **same)
    monkeypatch.setenv("OTHER_KEY", "k")
    people.run(to=at(2))


def test_without_the_key_nothing_is_delivered(
    people: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PII_KEY")
    with pytest.raises(SpecError, match="PII_KEY is not set"):
        people.run(to=at(1))
    with pytest.raises(SpecError, match="PII_KEY is not set"):
        people.open().preview("purchases")
    assert people.tree() == {}
