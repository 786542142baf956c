"""What must hold of a destination at any moment, and once a run has ended well."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

from evexport_dagster_tests.handmade import Handmade, csv_rows, visible


def assert_whole(home: Handmade) -> None:
    """Consumers see whole files only, and no record twice."""
    files = {key: data for key, data in home.tree().items() if visible(key)}
    assert all(key.endswith(".csv.gz") for key in files)
    assert set(_values(files).values()) <= {1}


def assert_delivered(home: Handmade, values: Counter[str], name: str = "purchases") -> None:
    """Every value is there once; receipts and files say the same; nothing else is left."""
    files, receipts = home.tree(), home.receipts(name)
    assert _values(files) == values
    recorded = {file.key: file for receipt in receipts for file in receipt.files}
    assert files.keys() == recorded.keys()
    for key, file in recorded.items():
        data = files[key]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
        assert len(csv_rows(data)) == file.rows
    assert [it.rows for it in receipts] == [sum(f.rows for f in it.files) for it in receipts]
    project = home.open()
    assert project.missing(name) == ()
    row = next(row for row in project.list() if row.name == name)
    assert (row.status, row.last_failure) == ("Pending", None)


def _values(files: Mapping[str, bytes]) -> Counter[str]:
    return Counter(row["n"] for data in files.values() for row in csv_rows(data))
