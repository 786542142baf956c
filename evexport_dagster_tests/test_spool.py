"""Spool files: exactly N records a file, counted back, the same bytes for the same records."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster import spool as room
from evexport_dagster.errors import BugError
from evexport_dagster.formats import LineFormat, files
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster.spool import Spool, SpoolFile, rows_by_instance

RELAXED = settings(deadline=None, max_examples=40)
CSV = CsvFormat()
MB = 1 << 20

Series = tuple[int, int]
SERIES = st.tuples(st.integers(0, 2), st.integers(0, 3))


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def labels(event: int) -> list[str]:
    """The labels of an event's records, others for each."""
    return ["eventName", f"e{event}"]


def header(event: int) -> bytes:
    return CSV.header(labels(event))


def opened(
    folder: Path,
    pool: ThreadPoolExecutor,
    limit: int = 1000,
    format_: LineFormat = CSV,
    *,
    sorted_rows: bool = False,
) -> Spool:
    of_lines = files(format_, pool, "default", stable=sorted_rows)
    return Spool(folder, of_lines, labels, limit, pool, together=sorted_rows)


def spooled(
    folder: Path,
    pool: ThreadPoolExecutor,
    written: Iterable[tuple[Series, Sequence[str]]],
    limit: int = 1000,
    *,
    sorted_rows: bool = False,
) -> tuple[SpoolFile, ...]:
    spool = opened(folder, pool, limit, sorted_rows=sorted_rows)
    for (event, instance), lines in written:
        spool.write(event, instance, pa.array(lines, pa.string()))
    return spool.finish()


def unzipped(file: SpoolFile) -> bytes:
    return gzip.decompress(file.path.read_bytes())


def names(folder: Path) -> list[str]:
    return sorted(it.name for it in folder.iterdir())


@RELAXED
@given(st.lists(st.tuples(SERIES, st.integers(0, 9)), max_size=12), st.integers(1, 12))
def test_files_roll_over_at_exactly_the_limit_however_the_series_come(
    pool: ThreadPoolExecutor, written: list[tuple[Series, int]], limit: int
) -> None:
    batches: list[tuple[Series, list[str]]] = []
    expected: dict[Series, list[str]] = defaultdict(list)
    for number, (series, count) in enumerate(written):
        lines = [f"{series},{number} {n}\n" for n in range(count)]
        batches.append((series, lines))
        expected[series] += lines
    with TemporaryDirectory() as folder:
        files = spooled(Path(folder), pool, batches, limit)
        assert [(it.event, it.instance, it.index, it.rows) for it in files] == [
            (*series, index, min(limit, len(lines) - index * limit))
            for series, lines in sorted(expected.items())
            for index in range(-(-len(lines) // limit))
        ]
        found: dict[Series, bytes] = defaultdict(bytes)
        for file in files:
            assert unzipped(file).startswith(header(file.event))
            found[file.event, file.instance] += unzipped(file).removeprefix(header(file.event))
        assert found == {key: "".join(it).encode() for key, it in expected.items() if it}
        assert rows_by_instance(files) == Counter(
            [series[1] for series, lines in expected.items() for _ in lines]
        )


@RELAXED
@given(st.lists(st.integers(0, 30), max_size=4), st.lists(st.integers(1, 9), min_size=1))
def test_sorted_records_give_the_same_bytes_whatever_the_batches(
    pool: ThreadPoolExecutor, rows: list[int], sizes: list[int]
) -> None:
    whole = [((0, n), [f"Charged,{n} {i}\n" for i in range(count)]) for n, count in enumerate(rows)]
    size = sizes[0]
    cut = [(series, of[at : at + size]) for series, of in whole for at in range(0, len(of), size)]
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        files = spooled(Path(one), pool, whole, 7, sorted_rows=True)
        again = spooled(Path(other), pool, cut, 7, sorted_rows=True)
        assert [it.sha256 for it in files] == [it.sha256 for it in again]
        assert sum(it.rows for it in files) == sum(rows)


def test_a_file_says_what_is_in_it(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    (file,) = spooled(tmp_path, pool, [((5, 7), ["a,1\n", '"x\ny",2\n'])], limit=2)
    data = file.path.read_bytes()
    assert (file.event, file.instance, file.index, file.rows) == (5, 7, 0, 2)
    assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert unzipped(file) == header(5) + b'a,1\n"x\ny",2\n'


def test_no_records_are_no_files(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    assert spooled(tmp_path, pool, [((0, 0), [])], limit=3) == ()
    assert names(tmp_path) == []


def test_an_instance_may_be_any_integer(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    files = spooled(tmp_path, pool, [((0, n), ["x,1\n"]) for n in (-1, 2**31 - 1, 0)])
    assert [it.instance for it in files] == [-1, 0, 2**31 - 1]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_slices_are_taken_as_they_are(
    tmp_path: Path, pool: ThreadPoolExecutor, kind: pa.DataType
) -> None:
    spool = opened(tmp_path, pool, 9, JsonFormat())
    spool.write(0, 0, pa.array([f"é{n}\n" for n in range(10)], kind).slice(3, 4))
    assert unzipped(spool.finish()[0]).decode() == "é3\né4\né5\né6\n"


def test_nuls_are_counted_for_each_event(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = opened(tmp_path, pool, limit=1)
    spool.write(1, 0, pa.array(["a\0,\0\n", "b\0\n"]))
    spool.write(0, 0, pa.array(["c\n"]))
    assert [unzipped(it) for it in spool.finish()] == [
        header(0) + b"c\n",
        header(1) + "a\ufffd,\ufffd\n".encode(),
        header(1) + "b\ufffd\n".encode(),
    ]
    assert +spool.nuls == {1: 3}


class _Torn(JsonFormat):
    """A format whose last records never reach the disk."""

    def scrubbed(self, chunk: memoryview) -> tuple[bytes | memoryview, int]:
        return chunk[:-5], 0


@pytest.mark.parametrize(
    ("format_", "lines"),
    [
        (_Torn(), ["{}\n", '{"a":1}\n', "{}\n"]),
        (JsonFormat(), ["{}\n", None, "{}\n"]),
        (JsonFormat(), ["{}\n", "{\n}\n", "{}\n"]),
    ],
    ids=["bytes are missing", "a record is null", "a record has two lines"],
)
def test_a_file_that_counts_otherwise_is_refused(
    tmp_path: Path, pool: ThreadPoolExecutor, format_: LineFormat, lines: list[str | None]
) -> None:
    spool = opened(tmp_path, pool, 10, format_)
    spool.write(1, 0, pa.array(lines))
    with pytest.raises(BugError, match=r"1\.0\.0: 3 records written, [124] read back"):
        spool.finish()


def test_a_member_that_was_lost_is_noticed(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = opened(tmp_path, pool, MB, JsonFormat())
    spool.write(0, 0, pa.array(["x" * 127 + "\n"] * (16 * MB // 128)))
    (tmp_path / "0.0.0").write_bytes(b"")
    with pytest.raises(BugError, match="131072 records written"):
        spool.finish()


def test_a_discarded_spool_leaves_nothing(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = opened(tmp_path, pool, 2, JsonFormat())
    spool.write(0, 0, pa.array(["{}\n"] * 5))
    spool.write(1, 0, pa.array(["{}\n"]))
    assert len(names(tmp_path)) == 4
    spool.discard()
    assert names(tmp_path) == []


def test_a_finished_spool_can_be_discarded(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = opened(tmp_path, pool, 2)
    spool.write(0, 0, pa.array(["x\n"] * 5))
    files = spool.finish()
    files[0].path.unlink()
    spool.discard()
    assert names(tmp_path) == []


def test_files_of_outdated_events_go(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = opened(tmp_path, pool, 2)
    for event in range(3):
        spool.write(event, 0, pa.array(["x\n"] * 3))
    files = spool.finish({1})
    assert [(it.event, it.rows) for it in files] == [(0, 2), (0, 1), (2, 2), (2, 1)]
    assert names(tmp_path) == sorted(it.path.name for it in files)


def test_sorted_records_keep_one_series_open(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = opened(tmp_path, pool, sorted_rows=True)
    for series in range(50):
        spool.write(0, series, pa.array([f"{series},x\n"]))
        spool.write(0, series, pa.array([f"{series},y\n"]))
    # What is closed is compressed and written while later series come.
    done = [it for it in tmp_path.iterdir() if it.stat().st_size]
    assert len(done) > 30
    assert [unzipped(it) for it in spool.finish()] == [
        header(0) + f"{series},x\n{series},y\n".encode() for series in range(50)
    ]


@pytest.fixture
def few_bytes_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_WAITING_BYTES", 4 * MB)


@pytest.mark.usefixtures("few_bytes_wait")
def test_many_series_at_once_take_bounded_memory(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    series = [(event, instance) for event in range(125) for instance in range(24)]
    rounds, text = 2, "x" * 3000
    spool = opened(tmp_path, pool)
    lines = {n: pa.array([f"{n},{text}\n"] * 2) for n in range(rounds)}
    tracemalloc.start()
    try:
        for batch in lines.values():
            for event, instance in series:
                spool.write(event, instance, batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 36 MB of records wait at the end: most of them on the disk.
    assert sum(it.stat().st_size for it in tmp_path.glob("*.rest")) > 30 * MB
    assert peak < 20 * MB
    files = spool.finish()
    assert [(it.event, it.instance, it.rows) for it in files] == [(*it, 4) for it in series]
    body = "".join(f"{n},{text}\n" * 2 for n in range(rounds)).encode()
    assert all(unzipped(it) == header(it.event) + body for it in files)
    assert len(names(tmp_path)) == len(series)


@pytest.mark.usefixtures("few_bytes_wait")
def test_what_was_set_aside_is_discarded_too(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = opened(tmp_path, pool)
    for series in range(20):
        spool.write(0, series, pa.array(["x" * 300_000 + "\n"]))
    assert [*tmp_path.glob("*.rest")]
    spool.discard()
    assert names(tmp_path) == []


@settings(RELAXED, max_examples=15)
@given(st.lists(st.tuples(SERIES, st.integers(1, 3000)), max_size=40), st.integers(1, 5))
def test_the_content_is_the_same_whatever_was_set_aside(
    pool: ThreadPoolExecutor, sizes: list[tuple[Series, int]], limit: int
) -> None:
    written = [(series, ["x" * size + "\n"]) for series, size in sizes]
    found = []
    for waiting in (0, 64 * MB):
        with pytest.MonkeyPatch.context() as patched, TemporaryDirectory() as folder:
            patched.setattr(room, "_WAITING_BYTES", waiting)
            files = spooled(Path(folder), pool, written, limit)
            found.append([(it.event, it.instance, unzipped(it)) for it in files])
            assert not [*Path(folder).glob("*.rest")]
    assert found[0] == found[1]
    assert sum(it.count(b"x") for *_, it in found[0]) == sum(size for _, size in sizes)
