"""Files as sources: every format, what is not read, and what cannot be."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evexport_dagster.engine import explained
from evexport_dagster.errors import SourceError, SpecError, UnavailableError
from evexport_dagster.source import unplaceable_rows
from evexport_dagster.strict_json import clean

from .relations import faults, files, opened

DAY = datetime(2026, 6, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = ("Added", "Charged", "Viewed")
PROPS = [
    '{"price": 59.90, "id": 12345678901234567890123, "a": null}',
    '{"x":"é, \\"y\\"\\n"}',
    "{}",
]


def rows() -> list[dict[str, Any]]:
    """Three events an hour, all day long, in the order of names and then of time."""
    return [
        {
            "event_id": f"{name}-{hour}",
            "event_name": name,
            "event_time": DAY + hour * HOUR,
            "profile_id": "p1",
            "device": '{"make":"A"}',
            "event_props": PROPS[hour % 3],
        }
        for name in NAMES
        for hour in range(24)
    ]


def write(path: Path, some: list[dict[str, Any]], *json_columns: str) -> None:
    """A file in the format that its name says, some columns of the type JSON if it is Parquet."""
    if path.suffix == ".parquet":
        table = pa.Table.from_pylist(some)
        for name in json_columns:
            texts = pa.ExtensionArray.from_storage(pa.json_(), table[name].combine_chunks())
            table = table.set_column(table.column_names.index(name), name, texts)
        # A row group for every six hours of an event.
        pq.write_table(table, path, row_group_size=6, compression="zstd")
        return
    plain = [{**row, "event_time": row["event_time"].isoformat()} for row in some]
    if ".csv" in path.suffixes:
        relation = duckdb.connect().from_arrow(pa.Table.from_pylist(plain))
        relation.write_csv(str(path), compression="gzip" if path.suffix == ".gz" else None)
        return
    nested = [json.dumps(row)[:-1] for row in [{**r, "event_props": 0} for r in plain]]
    lines = [
        line.replace('"event_props": 0', f'"event_props": {row["event_props"]}') + "}"
        for line, row in zip(nested, some, strict=True)
    ]
    text = "\n".join(lines) if path.suffix != ".json" else f"[{','.join(lines)}]"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def in_window(
    con: duckdb.DuckDBPyConnection, names: tuple[str, ...], hours: tuple[int, int]
) -> list[tuple[str, str | None]]:
    """(event id, cleaned properties) of the rows of a window, in the order of the source."""
    start, end = (f"TIMESTAMPTZ '{DAY + hour * HOUR}'" for hour in hours)
    found = con.execute(
        f"""
        SELECT event_id, event_props FROM source_events
        WHERE event_time >= {start} AND event_time < {end}
            AND event_name IN ({", ".join(map(repr, names))})
        ORDER BY coalesce(position, row_number() OVER ())
        """
    ).fetchall()
    return [(event_id, clean(props).text) for event_id, props in found]


@pytest.mark.parametrize("name", ["parquet", "csv", "csv.gz", "json", "jsonl", "ndjson.gz"])
def test_every_format_gives_the_same_rows(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    every = rows()
    for n in range(3):
        write(tmp_path / f"part-{n}.{name}", every[n * 24 : n * 24 + 24])
    before = {it: hashlib.sha256(it.read_bytes()).hexdigest() for it in tmp_path.iterdir()}
    mapped = {"event_time": "CAST(event_time AS TIMESTAMPTZ)"} if "csv" in name else {}
    opened(con, files(f"part-*.{name}", columns=mapped), tmp_path)
    cleaned = ['{"price":59.90,"id":12345678901234567890123}', '{"x":"é, \\"y\\"\\n"}', "{}"]
    assert in_window(con, NAMES, (0, 24)) == [
        (row["event_id"], cleaned[n % 3]) for n, row in enumerate(every)
    ]
    assert in_window(con, ("Viewed",), (5, 6)) == [("Viewed-5", cleaned[2])]
    assert {it: hashlib.sha256(it.read_bytes()).hexdigest() for it in tmp_path.iterdir()} == before


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "json"])
def test_a_column_may_be_in_the_names_of_folders(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, ending: str
) -> None:
    names = {"007": "007", "a%20b%2Fc": "a b/c", "__HIVE_DEFAULT_PARTITION__": None}
    for n, folder in enumerate(names):
        below = tmp_path / f"event_name={folder}" / f"instance_id={n}"
        below.mkdir(parents=True)
        row = {key: it for key, it in rows()[n].items() if key != "event_name"}
        write(below / f"part.{ending}", [row])
    mapped = {"event_time": "CAST(event_time AS TIMESTAMPTZ)"} if ending == "csv" else {}
    opened(con, files(f"*/*/*.{ending}", columns=mapped), tmp_path)
    found = con.execute("SELECT event_name, instance_id FROM source_events ORDER BY ALL").fetchall()
    assert found == [("007", 0), ("a b/c", 1), (None, 2)]


def test_files_need_not_have_the_same_columns(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write(tmp_path / "1.parquet", [{**rows()[0], "instance_id": 3}])
    write(tmp_path / "2.parquet", [{**rows()[1], "session_props": '{"s":1}'}])
    lake = opened(con, files("*.parquet"), tmp_path)
    assert {"instance_id", "session_props"} <= lake.event_columns
    found = con.execute("SELECT instance_id, session_props FROM source_events").fetchall()
    assert sorted(found, key=str) == [(3, None), (None, '{"s":1}')]


def test_rows_that_no_window_can_hold_are_counted(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first, second, third, *_ = rows()
    some = [first, {**second, "event_name": None}, {**third, "event_time": None}]
    write(tmp_path / "a.parquet", some)
    opened(con, files("*.parquet"), tmp_path)
    assert unplaceable_rows(con) == 2


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("missing/*.parquet", "no file matches; relative paths start at"),
        ("mixed.*", "all be .parquet, all .csv, or all .json"),
        ("odd.xlsx", "all be .parquet"),
        ("broken.parquet", "broken.parquet"),
    ],
)
def test_files_that_cannot_be_read_are_a_fault(tmp_path: Path, pattern: str, said: str) -> None:
    write(tmp_path / "mixed.parquet", rows()[:1])
    write(tmp_path / "mixed.csv", rows()[:1])
    (tmp_path / "odd.xlsx").write_bytes(b"x")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    found = faults(files(pattern, pattern), tmp_path)
    assert found.keys() == {"events", "profiles"}
    assert said in found["events"]


def test_names_with_glob_characters_in_their_folder(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    write(folder / "a.parquet", rows()[:1])
    opened(con, files("it's here/*.parquet"), tmp_path)
    assert con.execute("SELECT count(*) FROM source_events").fetchall() == [(1,)]


def corrupt(path: Path, unless: tuple[str, int]) -> None:
    """Overwrite each row group's data but for one, told by its event and its first hour."""
    metadata = pq.ParquetFile(path).metadata
    data = bytearray(path.read_bytes())
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(n) for n in range(group.num_columns)]
        known = {chunk.path_in_schema: chunk.statistics for chunk in chunks}
        if (known["event_name"].min, known["event_time"].min.hour) == unless:
            continue
        for chunk in chunks:
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            data[start : start + chunk.total_compressed_size] = (
                b"\xff" * chunk.total_compressed_size
            )
    path.write_bytes(data)


@pytest.mark.parametrize("json_columns", [(), ("device", "event_props")])
def test_what_a_window_does_not_need_is_not_read(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, json_columns: tuple[str, ...]
) -> None:
    path = tmp_path / "events.parquet"
    write(path, rows(), *json_columns)
    corrupt(path, unless=("Charged", 6))
    for day in (1, 2):
        other = tmp_path / f"events-{day}.parquet"
        moved = [{**row, "event_time": row["event_time"] + day * 24 * HOUR} for row in rows()]
        write(other, moved, *json_columns)
        corrupt(other, unless=("none", 0))
    opened(con, files("events*.parquet"), tmp_path)
    ids = [event_id for event_id, _ in in_window(con, ("Charged",), (6, 12))]
    assert ids == [f"Charged-{hour}" for hour in range(6, 12)]


@pytest.mark.parametrize(
    ("names", "hours"), [(("Charged",), (5, 7)), (("Added", "Charged"), (6, 12))]
)
def test_what_is_needed_and_broken_is_an_error_of_the_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, names: tuple[str, ...], hours: tuple[int, int]
) -> None:
    path = tmp_path / "events.parquet"
    write(path, rows())
    corrupt(path, unless=("Charged", 6))
    opened(con, files("events.parquet"), tmp_path)
    with pytest.raises((SourceError, UnavailableError), match="source 'lake'"), explained("lake"):
        in_window(con, names, hours)


def test_a_file_that_vanishes_is_not_our_bug(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write(tmp_path / "a.parquet", rows())
    opened(con, files("a.parquet"), tmp_path)
    (tmp_path / "a.parquet").unlink()
    with pytest.raises((SpecError, UnavailableError), match="source 'lake'"), explained("lake"):
        in_window(con, NAMES, (0, 24))


def test_a_file_that_appears_later_belongs_to_the_next_run(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write(tmp_path / "a.parquet", rows()[:1])
    opened(con, files("*.parquet"), tmp_path)
    write(tmp_path / "b.parquet", rows()[1:2])
    assert con.execute("SELECT count(*) FROM source_events").fetchall() == [(1,)]
