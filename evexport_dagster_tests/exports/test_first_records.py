"""The first records of a delivered file, as people are shown them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from evexport_dagster.first_records import CHARACTERS, FIELDS, RECORDS, first_records
from evexport_dagster_tests.handmade import Handmade, at, event


@pytest.mark.parametrize("format_", ["csv", "json", "xml", "parquet"])
def test_every_format_shows_what_it_delivered(home: Handmade, format_: str) -> None:
    home.events([event("Charged", at(0, 1), Amount=5, City='Zürich, "Kreis" 4\nB')], "events")
    home.spec(format=format_, events={"select": ["Charged"]}, user_properties=["Email"])
    (receipt, *_) = home.run(to=at(1))
    (shown,) = first_records(home.out / receipt.files[0].key, format_)
    assert shown["eventName"] == "Charged"
    values = set(shown.values())
    assert {"ann", "ann@example.com", "5", 'Zürich, "Kreis" 4\nB'} <= values


def test_personal_data_is_shown_as_it_was_delivered(
    home: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PII_KEY", "k" * 32)
    pii = {"key": {"env": "PII_KEY"}, "fields": {"Email": "hash", "Identity": "drop"}}
    home.spec(events={"select": ["Charged"]}, user_properties=["Email"], pii=pii)
    (receipt, *_) = home.run(to=at(1))
    (record, *_) = first_records(home.out / receipt.files[0].key, "csv")
    assert "ann" not in "".join(record.values())
    assert record["Email"]


def test_long_files_are_cut(tmp_path: Path) -> None:
    file = tmp_path / "f.csv.gz"
    header = ",".join(f"column {number}" for number in range(99))
    row = ",".join(["x" * 100] * 99)
    file.write_bytes(gzip.compress("\n".join([header, *[row] * 50, ""]).encode()))
    shown = first_records(file, "csv")
    assert len(shown) == RECORDS
    assert {len(record) for record in shown} == {FIELDS}
    assert {len(value) for record in shown for value in record.values()} == {CHARACTERS}
    file.write_bytes(gzip.compress(f"a,b\n1,{'x' * 99_999}\n2,y\n".encode()))
    assert first_records(file, "csv") == ()
    file.write_bytes(gzip.compress(b"a,b\n"))
    assert first_records(file, "csv") == ()
