"""Parquet: the columns of the documents, each value in the member of its type, whoever reads it."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import fastparquet  # type: ignore[import-untyped]
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.compiled.taken import Kind
from evexport_dagster.errors import BugError
from evexport_dagster.formats.parquet import ParquetFormat, files
from evexport_dagster.formats.parquet.sink import Sink
from evexport_dagster.formats.values import Entries, Values, integers, read_value, strings
from evexport_dagster.query import stage
from evexport_dagster.spool import Spool, SpoolFile
from evexport_dagster.strict_json import read_members
from evexport_dagster_tests.handmade import Handmade, at, event, home, one_time

__all__ = ["home"]

RELAXED = settings(deadline=None, max_examples=40)
PARQUET = ParquetFormat()

UNION = (
    "STRUCT(member0 BOOLEAN, member1 INTEGER, member2 BIGINT, member3 FLOAT, member4 DOUBLE,"
    " member5 VARCHAR)"
)
ELEMENT = "STRUCT(member0 VARCHAR, member1 INTEGER, member2 BIGINT, member3 FLOAT, member4 DOUBLE)"
IDENTITY = (
    f"STRUCT(member0 VARCHAR, member1 {ELEMENT}[], member2 INTEGER, member3 BIGINT,"
    " member4 FLOAT, member5 DOUBLE)"
)
DESCRIBED = [
    ("eventName", "VARCHAR"),
    ("timestamp", "MAP(VARCHAR, VARCHAR)"),
    ("identity", f"MAP(VARCHAR, {IDENTITY})"),
    ("deviceInfo", f"MAP(VARCHAR, {UNION})"),
    ("commPrefs", f"MAP(VARCHAR, {UNION[:-1]}, member6 MAP(VARCHAR, {UNION})))"),
    ("profile", f"MAP(VARCHAR, {UNION})"),
    ("eventProps", f"MAP(VARCHAR, {UNION})"),
]

SELECTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "device": {"device": ["platform", "dimensions"]},
    "preferences": {"comm_prefs": ["subscriptionGroups", "MSG-push"]},
    "profile": {"user_properties": ["Email", {"name": "tier", "as": "level"}]},
    "identities": {
        "identity": {"identifiers": ["Email", {"custom": "crm"}], "preference": "all"},
        "as_string": True,
    },
    "everything": {
        "identity": {"identifiers": ["Identity"], "all_identities": True},
        "device": ["platform"],
        "comm_prefs": ["subscriptionGroups", "MSG-email"],
        "user_properties": ["DOB"],
        "sort": True,
        "compression": "gzip",
    },
}


SPEC: dict[str, Any] = {
    "format": "parquet",
    "events": {"select": ["Charged"]},
    "sort": True,
    "schedule": one_time("2026-06-14", "2026-06-14"),
}


def exported(home: Handmade, *props: str, **spec: Any) -> list[Path]:
    """The files of an export of one event, with these properties in the rows of one day."""
    rows = [
        {**event("Charged", at(0, 1 + number / 1000)), "event_props": text}
        for number, text in enumerate(props)
    ]
    home.events(rows)
    home.spec(**{**SPEC, **spec})
    receipts = home.run()
    assert sum(file.rows for it in receipts for file in it.files) == len(props)
    return [home.out / file.key for it in receipts for file in it.files]


def properties(file: Path) -> list[dict[str, tuple[str, Any]]]:
    """The properties of each record: the one member that has a value."""
    rows = pq.read_table(file).column("eventProps").to_pylist()
    return [{key: one_member(union) for key, union in row} for row in rows]


def rows_of(query: str) -> list[tuple[Any, ...]]:
    """What DuckDB finds."""
    return duckdb.execute(query).fetchall()


def one_member(union: Mapping[str, Any]) -> tuple[str, Any]:
    (found,) = ((name, value) for name, value in union.items() if value is not None)
    return found


@pytest.mark.parametrize("selection", SELECTIONS)
def test_the_columns_are_those_of_the_documents(home: Handmade, selection: str) -> None:
    spec = SELECTIONS[selection]
    (file,) = exported(home, "{}", "{}", '{"n":null}', **spec)
    if spec.get("compression") == "gzip":
        assert file.name.endswith(".parquet.gz")
        plain = file.with_suffix("")
        plain.write_bytes(gzip.decompress(file.read_bytes()))
        file = plain
    found = rows_of(f"DESCRIBE SELECT * FROM '{file}'")
    assert [(name, kind) for name, kind, *_ in found] == DESCRIBED
    assert {(null, key, default, extra) for *_, null, key, default, extra in found} == {
        ("YES", None, None, None)
    }
    names = str(pq.ParquetFile(file).schema)
    assert names.count("required binary field_id=-1 key (String)") == 7
    assert "optional binary field_id=-1 key" not in names


VALUES_AND_MEMBERS: list[tuple[str, int, Any]] = [
    ("true", 0, True),
    ("false", 0, False),
    ("0", 1, 0),
    ("-0", 1, 0),
    ("2147483647", 1, 2147483647),
    ("-2147483648", 1, -2147483648),
    ("2147483648", 2, 2147483648),
    ("-2147483649", 2, -2147483649),
    ("9223372036854775807", 2, 9223372036854775807),
    ("-9223372036854775808", 2, -9223372036854775808),
    ("9223372036854775808", 5, "9223372036854775808"),
    ("-9223372036854775809", 5, "-9223372036854775809"),
    ("18446744073709551616", 5, "18446744073709551616"),
    ("1" + "0" * 5000, 5, "1" + "0" * 5000),
    ("1.0", 4, 1.0),
    ("59.90", 4, 59.9),
    ("1e3", 4, 1000.0),
    ("-1.5E-7", 4, -1.5e-7),
    ("0.30000000000000004", 4, 0.30000000000000004),
    ("0.0", 4, 0.0),
    ("5e-324", 4, 5e-324),
    ("0.1234567890123456789", 5, "0.1234567890123456789"),
    ("9007199254740993.0", 5, "9007199254740993.0"),
    ("1e400", 5, "1e400"),
    ("1e-400", 5, "1e-400"),
    ("1e-99999999999999999999", 5, "1e-99999999999999999999"),
    ('""', 5, ""),
    ('"1"', 5, "1"),
    ('"true"', 5, "true"),
    (r'"a\"\u0000\ud83d\ude00\n"', 5, 'a"\0😀\n'),
    ('{ "a" : [1, 2.50, null] }', 5, '{"a":[1,2.50,null]}'),
    ("[]", 5, "[]"),
    ("[" * 300 + "]" * 300, 5, "[" * 300 + "]" * 300),
]


def test_a_value_is_in_the_member_of_its_type(home: Handmade) -> None:
    # In a row of its own, and beside what only the exact path may read.
    alone = [f'{{"v":{token}}}' for token, *_ in VALUES_AND_MEMBERS]
    beside = [f'{{"o":0.12345678901234567890,"v":{token}}}' for token, *_ in VALUES_AND_MEMBERS]
    (file,) = exported(home, *alone, *beside)
    found = [row["v"] for row in properties(file)]
    for (_, member, value), (name, read) in zip(VALUES_AND_MEMBERS * 2, found, strict=True):
        assert (name, type(read)) == (f"member{member}", type(value))
        assert read == value or (member == 5 and json.loads(read) == json.loads(value))
    by_duckdb = rows_of(f"SELECT UNNEST(eventProps['v']) FROM '{file}'")
    members = [{f"member{n}": it for n, it in enumerate(row)} for row in by_duckdb]
    assert [one_member(it) for it in members] == found


def test_a_property_may_be_a_whole_number_here_and_a_decimal_there(home: Handmade) -> None:
    (file,) = exported(home, '{"p":5}', '{"p":5.25}', '{"p":"5"}', '{"p":null}', '{"q":1}')
    view = f"""
        SELECT eventProps['p'].member1, eventProps['p'].member4, eventProps['p'].member5,
            eventProps['p'] IS NULL, timestamp['eventTime'], eventName
        FROM '{file}' ORDER BY 5
    """
    assert [row[:4] for row in rows_of(view)] == [
        (5, None, None, False),
        (None, 5.25, None, False),
        (None, None, "5", False),
        (None, None, None, True),
        (None, None, None, True),
    ]


def test_four_readers_agree(home: Handmade) -> None:
    texts = [
        json.dumps({"n": n, "t": f"é{n}", "x": n / 8, f"k{n % 7}": n % 2 == 0}) for n in range(50)
    ]
    (file,) = exported(home, *texts, device=["platform"])
    by_pyarrow = pq.read_table(file).to_pylist()
    assert [dict(row["eventProps"])["t"]["member5"] for row in by_pyarrow] == [
        f"é{n}" for n in range(50)
    ]
    by_polars = pl.read_parquet(file)
    assert by_polars.height == 50
    assert by_polars.columns == [name for name, _ in DESCRIBED]
    maps = by_polars["eventProps"].to_list()
    assert maps == [dict(row["eventProps"]) for row in by_pyarrow]
    by_duckdb = rows_of(f"FROM '{file}'")
    assert [row[6] for row in by_duckdb] == [dict(row["eventProps"]) for row in by_pyarrow]
    with file.open("rb") as opened:
        assert fastparquet.ParquetFile(opened).count() == 50


def test_a_gzipped_file_is_the_plain_one_gzipped(home: Handmade) -> None:
    texts = [f'{{"n":{n}}}' for n in range(20)]
    (plain,) = exported(home, *texts)
    before = plain.read_bytes()
    home.spec("zipped", **{**SPEC, "compression": "gzip", "folder": "export_id"})
    (receipt,) = home.run("zipped")
    (file,) = receipt.files
    data = (home.out / file.key).read_bytes()
    assert gzip.decompress(data) == before
    assert data[3:8] == bytes(5)
    assert file.key.endswith(".parquet.gz")


def test_sorted_files_are_the_same_bytes_again(home: Handmade) -> None:
    texts = [json.dumps({f"k{n % 5}": "x" * n, "n": n / 8}) for n in range(300)]
    exported(home, *texts)
    before = home.tree()
    home.run(from_=at(0))
    assert home.tree() == before


@pytest.mark.parametrize("sort", [True, False])
def test_chunks_do_not_show(home: Handmade, monkeypatch: pytest.MonkeyPatch, sort: bool) -> None:
    names = ("Charged", "App Launched")
    home.events(
        event(names[n % 2], at(0, 1 + n / 1000), n % 3, **{f"k{n // 40}": n, "x": "y" * (n % 9)})
        for n in range(300)
    )
    home.spec(**{**SPEC, "events": {"select": [*names]}, "sort": sort})
    home.run()
    before = home.tree()
    monkeypatch.setattr(stage, "_BATCH_ROWS", 16)
    monkeypatch.setattr(stage, "_CHUNK_BYTES", 1)
    home.run(from_=at(0))
    after = home.tree()
    assert len(before) == 6
    assert after.keys() == before.keys()
    if sort:
        assert after == before
    for key, data in after.items():
        found = [pq.read_table(io.BytesIO(it)).to_pylist() for it in (data, before[key])]
        in_order = [sorted(rows, key=str) for rows in found]
        assert in_order[0] == in_order[1]


def test_a_file_knows_nothing_of_other_events(home: Handmade) -> None:
    home.events(
        [event("Charged", at(0, 1), mine=1), event("App Launched", at(0, 1), secret_of_others=2)]
    )
    home.spec(**{**SPEC, "events": {"select": ["Charged", "App Launched"]}})
    files_ = [home.out / file.key for receipt in home.run() for file in receipt.files]
    assert [*properties(files_[0]), *properties(files_[1])] == [
        {"mine": ("member1", 1)},
        {"secret_of_others": ("member1", 2)},
    ]
    for file in files_:
        assert (b"secret_of_others" in file.read_bytes()) != (b"mine" in file.read_bytes())


# Unions, without a source

VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-(2**31) - 2, 2**31 + 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner | st.none(), max_size=3)
        | st.dictionaries(st.text("ab", max_size=2), inner | st.none(), max_size=2)
    ),
    max_leaves=4,
)


def column(group: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """One record's entries in the column of a group, written and read."""
    text = json.dumps(members)
    read = [read_value(value) for value in read_members(text)[0].values()]
    count = len(read)
    entries = Entries(
        integers([0, count], pa.int32()),
        pa.DictionaryArray.from_arrays(integers(range(count), pa.int32()), strings([*members])),
        Values(
            strings([text for text, _ in read]),
            integers([kind for _, kind in read], pa.uint8(), "B"),
        ),
    )
    columns = {group: PARQUET.column(group, entries)}
    records = PARQUET.records("Charged", strings(["1"]), columns)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        (file,) = spooled(Path(folder), pool, [(0, records)])
        (row,) = pq.read_table(file.path).column(group).to_pylist()
    return dict(row)


@RELAXED
@given(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4))
@example({"a": True, "b": 2**31, "c": [], "d": {}})
@example({"a": -(2**63), "b": 2**63 - 1, "c": 2**63, "d": -(2**63) - 1})
@example({"a": -(2**31), "b": -(2**31) - 1, "c": 2**31 - 1, "d": 10**18})
@example({"a": ["b", 'c"', 1, None], "b": ["c", "d"], "c": [True, 1.5, 2**40, 2**70, {"e": 1}]})
def test_no_value_is_lost_or_changed(members: dict[str, Any]) -> None:
    for group in ("eventProps", "commPrefs", "identity", "profile"):
        found = {key: one_member(union) for key, union in column(group, members).items()}
        assert list(found) == list(members)
        for key, value in members.items():
            assert_said(group, value, *found[key])


def assert_said(group: str, value: Any, name: str, said: Any) -> None:
    numbers = (
        ("member2", "member3", "member5")
        if group == "identity"
        else ("member1", "member2", "member4")
    )
    text = "member0" if group == "identity" else "member5"
    small, large, decimal = numbers
    if isinstance(value, bool) and group != "identity":
        assert (name, said) == ("member0", value)
    elif isinstance(value, int) and not isinstance(value, bool):
        fits = small if -(2**31) <= value < 2**31 else large if -(2**63) <= value < 2**63 else text
        assert (name, said) == (fits, str(value) if fits == text else value)
    elif isinstance(value, float):
        assert (name, said) == (decimal, value)
    elif isinstance(value, str):
        assert (name, said) == (text, value)
    elif isinstance(value, list) and group == "identity":
        assert name == "member1"
        assert len(said) == len([it for it in value if it is not None])
    elif isinstance(value, dict) and group == "commPrefs":
        assert name == "member6"
        assert [key for key, _ in said] == [key for key in value if value[key] is not None]
    else:
        assert name == text
        assert json.loads(said) == value


# Files


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def batch(first: int, rows: int) -> pa.RecordBatch:
    """Records with a number, a text, and a label that other batches lack."""
    texts = [text for n in range(first, first + rows) for text in (str(n), f"t{n}" * (n % 9))]
    labels = ["n", f"at {first // 10}"]
    entries = Entries(
        integers(range(0, 2 * rows + 1, 2), pa.int32()),
        pa.DictionaryArray.from_arrays(integers([0, 1] * rows, pa.int32()), strings(labels)),
        Values(strings(texts), integers([Kind.BIGINT, Kind.VARCHAR] * rows, pa.uint8(), "B")),
    )
    times = strings([str(n) for n in range(first, first + rows)])
    return PARQUET.records("Charged", times, {"eventProps": PARQUET.column("eventProps", entries)})


def spooled(
    folder: Path,
    pool: ThreadPoolExecutor,
    batches: Sequence[tuple[int, pa.RecordBatch]],
    limit: int = 1000,
    compression: str = "default",
) -> tuple[SpoolFile, ...]:
    made = PARQUET.files(pool, compression, stable=True)
    spool = Spool(folder, made, lambda _: [], limit, pool, together=True)
    for event_, records in batches:
        spool.write(event_, 0, records)
    return spool.finish()


@settings(RELAXED, max_examples=15)
@given(st.integers(0, 60), st.integers(1, 25), st.integers(1, 30), st.sampled_from([40, 1 << 20]))
def test_row_groups_do_not_depend_on_how_records_come(
    pool: ThreadPoolExecutor, rows: int, size: int, limit: int, group_bytes: int
) -> None:
    whole = batch(0, rows)
    parts = [(0, whole.slice(at, size)) for at in range(0, rows, size)]
    with (
        pytest.MonkeyPatch.context() as patched,
        TemporaryDirectory() as one,
        TemporaryDirectory() as other,
    ):
        patched.setattr(files, "GROUP_ROWS", 7)
        patched.setattr(files, "GROUP_BYTES", group_bytes)
        at_once = spooled(Path(one), pool, [(0, whole)], limit)
        in_parts = spooled(Path(other), pool, parts, limit)
        assert [it.sha256 for it in at_once] == [it.sha256 for it in in_parts]
        assert [it.rows for it in at_once] == [
            min(limit, rows - start) for start in range(0, rows, limit)
        ]
        tables = [pq.read_table(it.path) for it in at_once]
        found = [dict(row) for table in tables for row in table.column("eventProps").to_pylist()]
        assert [row["n"]["member1"] for row in found] == [*range(rows)]
        for it in at_once:
            groups = pq.ParquetFile(it.path).metadata
            counts = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
            assert sum(counts) == it.rows
            assert max(counts) <= 7
            assert group_bytes == 40 or set(counts[:-1]) <= {7}


def test_batches_with_labels_of_their_own_share_a_row_group(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (file,) = spooled(tmp_path, pool, [(0, batch(n, 5)) for n in range(0, 50, 5)])
    parquet = pq.ParquetFile(file.path)
    assert parquet.metadata.num_row_groups == 1
    rows = [dict(row) for row in parquet.read().column("eventProps").to_pylist()]
    assert [[*row] for row in rows] == [["n", f"at {n // 10}"] for n in range(50)]


def test_no_more_than_a_few_files_are_open(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    def open_files() -> int:
        found = 0
        for link in Path("/proc/self/fd").iterdir():
            # A thread may have closed it by now.
            with suppress(FileNotFoundError):
                found += tmp_path.name in str(link.readlink())
        return found

    most = 0
    made = PARQUET.files(pool, "default", stable=False)
    spool = Spool(tmp_path, made, lambda _: [], 1000, pool, together=True)
    for series in range(60):
        spool.write(series, 0, batch(0, 3))
        most = max(most, open_files())
    assert 0 < most < 6
    assert len(spool.finish()) == 60


@pytest.mark.parametrize("compression", ["default", "gzip"])
@pytest.mark.parametrize("harm", ["cut", "changed", "emptied"])
def test_a_torn_file_is_noticed(
    tmp_path: Path,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    compression: str,
    harm: str,
) -> None:
    def torn(file: Sink) -> None:
        closed(file)
        data = (tmp_path / "0.0.0").read_bytes()
        changed = data[:99] + b"?" + data[100:]
        harms: dict[str, bytes] = {"cut": data[:-9], "changed": changed, "emptied": b""}
        (tmp_path / "0.0.0").write_bytes(harms[harm])

    closed = Sink.close
    monkeypatch.setattr(Sink, "close", torn)
    with pytest.raises(BugError, match=r"0\.0\.0"):
        spooled(tmp_path, pool, [(0, batch(0, 9))], compression=compression)


def test_records_that_were_lost_are_noticed(
    tmp_path: Path, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_together", lambda batches: together(batches).slice(1))
    with pytest.raises(BugError, match="9 records written, 8 read back"):
        spooled(tmp_path, pool, [(0, batch(0, 9))])


together = files._together


def test_a_discarded_spool_leaves_nothing(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    made = PARQUET.files(pool, "gzip", stable=False)
    spool = Spool(tmp_path, made, lambda _: [], 4, pool, together=True)
    spool.write(0, 0, batch(0, 10))
    spool.discard()
    assert [*tmp_path.iterdir()] == []
