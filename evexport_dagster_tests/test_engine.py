"""The connection of a run: within its limits, quiet, and its errors as errors of ours."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from evexport_dagster.engine import connect, explained, scratch
from evexport_dagster.errors import SourceError, UnavailableError
from evexport_dagster.settings import Runtime

SORT = "CREATE TEMP TABLE t AS SELECT md5(i::VARCHAR) AS h FROM range(2000000) r(i) ORDER BY h"


def runtime(memory: int = 100_000_000, scratch_limit: int = 20_000_000) -> Runtime:
    return Runtime(memory=memory, scratch_limit=scratch_limit, threads=1)


def test_a_connection_has_the_limits_and_the_clock_of_its_run(tmp_path: Path) -> None:
    with connect(runtime(), "Asia/Kolkata", tmp_path) as con:
        settings = dict(con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
        assert settings["threads"] == "1"
        assert settings["TimeZone"] == "Asia/Kolkata"
        assert settings["temp_directory"] == str(tmp_path / "duckdb")
        assert settings["memory_limit"].startswith("71.5 M")
        assert con.sql("SELECT exact_object('{\"a\":null}').text").fetchall() == [("{}",)]
    with pytest.raises(duckdb.ConnectionException):
        con.execute("SELECT 1")


def test_running_out_of_memory_and_scratch_is_nobodys_fault_yet(tmp_path: Path) -> None:
    with (
        pytest.raises(UnavailableError, match=r"runtime\.memory and runtime\.scratch_limit"),
        explained("lake"),
        connect(runtime(64_000_000, 1_000_000), "UTC", tmp_path) as con,
    ):
        con.execute(SORT)


def test_a_scratch_folder_is_empty_and_gone_afterwards(tmp_path: Path) -> None:
    parent = tmp_path / "a" / "b"
    with scratch(parent, "first") as one, scratch(parent, "first") as other:
        assert one != other
        assert [it for it in one.iterdir() if not it.name.startswith(".")] == []
        (one / "file").write_text("x")
    assert not parent.exists()


def test_what_a_killed_run_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    abandoned = tmp_path / "killed"
    abandoned.mkdir()
    (abandoned / ".lock").touch()
    (abandoned / "half a file").write_text("x")
    (tmp_path / "of somebody else").mkdir()
    with scratch(tmp_path, "one") as one:
        (one / "file").write_text("x")
        with scratch(tmp_path, "other"):
            assert (one / "file").exists()
            assert not abandoned.exists()
    assert [it.name for it in tmp_path.iterdir()] == ["of somebody else"]


def test_a_scratch_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(UnavailableError, match=r"file/x cannot be used.*runtime\.scratch"),
        scratch(tmp_path / "file" / "x", "one"),
    ):
        pass


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM read_parquet('missing.parquet')", UnavailableError),
        ("SELECT CAST('x' AS INTEGER)", SourceError),
        ("SELECT * FROM nowhere", SourceError),
    ],
)
def test_errors_name_the_source_in_one_line(
    tmp_path: Path, sql: str, expected: type[Exception]
) -> None:
    with (
        connect(runtime(), "UTC", tmp_path) as con,
        pytest.raises(expected, match="source 'lake'") as caught,
        explained("lake"),
    ):
        con.execute(sql)
    assert "\n" not in str(caught.value)
