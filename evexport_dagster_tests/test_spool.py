"""Spool files: exactly N records a file, counted back, the same bytes for the same records."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.errors import BugError
from evexport_dagster.formats import Format
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster.spool import Spool, SpoolFile, by_instance

RELAXED = settings(deadline=None, max_examples=40)
CSV = CsvFormat()
HEADER = b"eventName,eventTime\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def batch(instances: Sequence[int], lines: Sequence[str | None]) -> pa.RecordBatch:
    return pa.record_batch({"instance": pa.array(instances, pa.int64()), "line": lines})


def spooled(
    folder: Path,
    pool: ThreadPoolExecutor,
    batches: Sequence[pa.RecordBatch],
    limit: int,
    format_: Format = CSV,
) -> tuple[SpoolFile, ...]:
    header = format_.header(["eventName", "eventTime"])
    spool = Spool(folder, format_, header, limit, pool, stable=True)
    for it in batches:
        for instance, lines in by_instance(it):
            spool.write(instance, lines)
    return spool.close()


def unzipped(file: SpoolFile) -> bytes:
    return gzip.decompress(file.path.read_bytes())


@RELAXED
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.integers(1, 12),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_files_roll_over_at_exactly_the_limit_whatever_the_batches(
    pool: ThreadPoolExecutor, rows: list[int], limit: int, sizes: list[int]
) -> None:
    instances = [instance for instance, count in enumerate(rows) for _ in range(count)]
    lines = [f"Charged,{n}\n" for n in range(len(instances))]
    whole = batch(instances, lines)
    batches: list[pa.RecordBatch] = []
    at = 0
    while at < len(lines):
        size = sizes[len(batches) % len(sizes)]
        batches.append(whole.slice(at, size))
        at += size
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        files = spooled(Path(one), pool, batches, limit)
        again = spooled(Path(other), pool, [whole], limit)
        assert [(it.instance, it.index, it.rows) for it in files] == [
            (instance, index, min(limit, count - index * limit))
            for instance, count in enumerate(rows)
            for index in range(-(-count // limit))
        ]
        written = b"".join(unzipped(it).removeprefix(HEADER) for it in files)
        assert written == "".join(lines).encode()
        assert all(unzipped(it).startswith(HEADER) for it in files)
        assert [it.sha256 for it in files] == [it.sha256 for it in again]


def test_a_file_says_what_is_in_it(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    (file,) = spooled(tmp_path, pool, [batch([7, 7], ["a,1\n", '"x\ny",2\n'])], limit=2)
    data = file.path.read_bytes()
    assert (file.instance, file.index, file.rows, file.bytes) == (7, 0, 2, len(data))
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert unzipped(file) == HEADER + b'a,1\n"x\ny",2\n'


def test_no_records_are_no_files(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    assert spooled(tmp_path, pool, [batch([], [])], limit=3) == ()
    assert list(tmp_path.iterdir()) == []


def test_large_strings_and_slices_are_taken_as_they_are(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    lines = pa.array([f"é{n}\n" for n in range(10)], pa.large_string()).slice(3, 4)
    spool = Spool(tmp_path, JsonFormat(), b"", 9, pool)
    spool.write(0, lines)
    assert unzipped(spool.close()[0]).decode() == "é3\né4\né5\né6\n"


def test_nuls_are_counted(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = Spool(tmp_path, CSV, HEADER, 1, pool)
    spool.write(0, pa.array(["a\0,\0\n", "b\0\n"]))
    assert [unzipped(it) for it in spool.close()] == [
        HEADER + "a\ufffd,\ufffd\n".encode(),
        HEADER + "b\ufffd\n".encode(),
    ]
    assert spool.nuls == 3


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
    tmp_path: Path, pool: ThreadPoolExecutor, format_: Format, lines: list[str | None]
) -> None:
    with pytest.raises(BugError, match=r"3 records written, [124] read back"):
        spooled(tmp_path, pool, [batch([0] * 3, lines)], 10, format_)


def test_a_discarded_spool_leaves_nothing(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = Spool(tmp_path, JsonFormat(), b"", 2, pool)
    spool.write(0, pa.array(["{}\n"] * 5))
    assert len(list(tmp_path.iterdir())) == 3
    spool.discard()
    assert list(tmp_path.iterdir()) == []


@RELAXED
@given(st.lists(st.integers(0, 3)).map(sorted))
def test_a_batch_is_cut_by_instance(instances: list[int]) -> None:
    lines = [str(n) for n in range(len(instances))]
    cut = list(by_instance(batch(instances, lines)))
    assert [instance for instance, _ in cut] == list(dict.fromkeys(instances))
    assert [(instance, line) for instance, of in cut for line in of.to_pylist()] == list(
        zip(instances, lines, strict=True)
    )
