"""With `sort: true` a repeat gives the same bytes, whatever the threads did meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from evexport_dagster_tests.handmade import Handmade, at, text

FORMATS = ("csv", "json", "parquet")


@pytest.fixture
def many(home: Handmade, million: bool) -> Handmade:
    """Many rows in no order, a hundred of them at each instant, from four files."""
    rows = 1_000_000 if million else 100_000
    for file in Path(home.folder, "lake", "events").iterdir():
        file.unlink()
    with duckdb.connect(config={"threads": 2}) as con:
        for part in range(4):
            con.execute(
                f"""
                COPY (
                    SELECT printf('%08d', hash(i) % 100000000) || i AS event_id,
                        'Charged' AS event_name, 'p' || i % 7 AS profile_id, 0 AS instance_id,
                        TIMESTAMPTZ '{at(0).isoformat()}'
                            + to_seconds((hash(i + 1) % ({rows} // 100))::BIGINT) AS event_time,
                        json_object('os', 'v' || i % 3) AS device,
                        json_object('n', i, 'text', md5(i::VARCHAR), 'p' || i % 5, i / 8)
                            AS event_props
                    FROM range({part}, {rows}, 4) AS r(i)
                ) TO '{home.folder}/lake/events/{part}.parquet' (ROW_GROUP_SIZE 20480)
                """
            )
    home.now = at(1, 1)
    home.configure(threads=2, max_rows_per_file=rows // 3)
    return home


def ends(files: Mapping[str, bytes]) -> dict[str, str]:
    """The end of each file, where it is a text: what differs in it is better read than bytes."""
    return {key: text(data)[-300:] for key, data in files.items() if key.endswith(".gz")}


@pytest.mark.parametrize("format_", FORMATS)
def test_three_runs_of_a_sorted_export_give_the_same_bytes(many: Handmade, format_: str) -> None:
    many.spec(events={"select": ["Charged"]}, format=format_, sort=True)
    (first,) = many.run()
    assert len(first.files) == 4
    before = many.tree()
    for _ in range(2):
        (again,) = many.run(from_=at(0))
        after = many.tree()
        assert ends(after) == ends(before)
        assert [file.sha256 for file in again.files] == [file.sha256 for file in first.files]
        assert after == before
