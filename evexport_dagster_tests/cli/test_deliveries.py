from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from evexport_dagster.cli.deliveries import (
    delivery_grid,
    oddities_text,
    place_text,
    run_document,
    totals_text,
)
from evexport_dagster.exports import RunResult
from evexport_dagster.ledger import DeliveredFile, Receipt
from evexport_dagster.settings import (
    AzureDestination,
    Destination,
    GcsDestination,
    LocalDestination,
    S3Destination,
)
from evexport_dagster.spec.revisions import place
from evexport_dagster.text import size_text

UTC_ZONE = ZoneInfo("UTC")


def file(instance: int, index: int = 0, rows: int = 1) -> DeliveredFile:
    key = f"Charged-{instance}-{index}.csv.gz"
    return DeliveredFile("local:out", key, instance, index, rows, 400, "ab" * 32)


def receipt(*files: DeliveredFile, **oddities: object) -> Receipt:
    return Receipt(
        export_id=1776150812,
        window_start=datetime(2026, 6, 14, tzinfo=UTC),
        window_end=datetime(2026, 6, 15, tzinfo=UTC),
        event="Charged",
        revision=1,
        column_version=1,
        rows=sum(it.rows for it in files),
        source_rows=sum(it.rows for it in files),
        run_id="a",
        recorded_at=datetime(2026, 6, 16, tzinfo=UTC),
        oddities=oddities,
        files=files,
    )


def test_the_document_of_a_run_has_one_delivery_for_each_instance() -> None:
    receipts = (receipt(file(3), file(0, 1, rows=5), file(0, 0, rows=7)), receipt())
    result = RunResult("purchases", 1776150812, 2, "Pending", receipts)
    window = ["2026-06-14T00:00:00+00:00", "2026-06-15T00:00:00+00:00"]

    def shown(key: str, rows: int) -> dict[str, object]:
        return {"key": key, "rows": rows, "bytes": 400, "sha256": "ab" * 32}

    assert run_document(result, UTC_ZONE) == {
        "export": "purchases",
        "export_id": 1776150812,
        "revision": 2,
        "status": "Pending",
        "deliveries": [
            {
                "window": window,
                "event": "Charged",
                "instance": 0,
                "rows": 12,
                "files": [shown("Charged-0-0.csv.gz", 7), shown("Charged-0-1.csv.gz", 5)],
            },
            {
                "window": window,
                "event": "Charged",
                "instance": 3,
                "rows": 1,
                "files": [shown("Charged-3-0.csv.gz", 1)],
            },
            {"window": window, "event": "Charged", "instance": None, "rows": 0, "files": []},
        ],
    }


def test_the_table_has_a_line_for_each_window_and_event() -> None:
    grid = delivery_grid([receipt(file(0, rows=1200), file(1)), receipt()], UTC_ZONE)

    assert grid.rows == (
        ("2026-06-14", "Charged", "1,201", "2", "800 B"),
        ("2026-06-14", "Charged", "0", "0", "0 B"),
    )


def test_totals() -> None:
    assert totals_text([receipt(file(0)), receipt()]) == "1 row in 1 file, 400 B"
    assert totals_text([receipt(file(0, rows=1999), file(1), file(2))]) == (
        "2,001 rows in 3 files, 1.2 kB"
    )


def test_oddities_are_added_up_but_not_those_of_the_whole_source() -> None:
    whole = {"rows_without_name_or_time_in_source": 4}
    receipts = [
        receipt(phone_not_e164=2, left_out={"Coupon": 2}, **whole),
        receipt(phone_not_e164=1, nul_characters=0, **whole),
    ]

    assert oddities_text(receipts) == ("phone not e164 3; rows without name or time in source 4")
    assert oddities_text([receipt()]) == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (12_345_678_901, "12.3 GB"),
        (5_000_000_000_000_000, "5,000.0 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("destination", "text"),
    [
        (LocalDestination(type="local", path=Path("/data/out"), prefix="a/b"), "/data/out/a/b"),
        (S3Destination(type="s3", bucket="acme", prefix="a/b"), "s3://acme/a/b"),
        (GcsDestination(type="gcs", bucket="acme"), "gs://acme/"),
        (AzureDestination(type="azure", account="x", container="y"), "azure://x/y/"),
    ],
)
def test_places(destination: Destination, text: str) -> None:
    assert place_text(place(destination, Path("/data")), Path("/data")) == text
