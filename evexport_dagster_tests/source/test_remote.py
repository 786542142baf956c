"""Files of lakes in clouds: which paths a glob stands for, and what DuckDB hands on of an error."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.source import raised_beneath
from evexport_dagster.source.remote import fits

NAMES = st.text(st.sampled_from("ab-"), min_size=1, max_size=3)
PATTERNS = st.text(st.sampled_from("ab*?-"), min_size=1, max_size=4).filter(
    lambda pattern: "**" not in pattern
) | st.sampled_from(["**", "[ab]", "[!a]b", "[a-b]*"])


def path_of(segments: list[str]) -> str:
    return "/".join(segments)


@settings(max_examples=150, deadline=None)
@given(
    files=st.sets(st.lists(NAMES, min_size=1, max_size=3).map(path_of), max_size=8),
    pattern=st.lists(PATTERNS, min_size=1, max_size=3)
    .filter(lambda segments: segments.count("**") < 2)
    .map(path_of),
)
def test_globs_mean_what_they_mean_on_disk(files: set[str], pattern: str) -> None:
    with TemporaryDirectory() as folder:
        for file in files:
            # A name is a folder and a file at once only where nothing is a disk.
            (Path(folder) / f"{file}.f").parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{file}.f").touch()
        glob = f"{folder}/{pattern}.f"
        on_disk = duckdb.execute("SELECT file FROM glob(?)", [glob]).fetchall()
    found = {file for file in files if fits(f"{file}.f", f"{pattern}.f")}
    assert {f"{folder}/{file}.f" for file in found} == {file for (file,) in on_disk}


@pytest.mark.parametrize(
    "text",
    [
        "IO Error: No such file",
        "Conversion Error: Could not convert string 'Traceback\nSourceError: x' to INT32",
        "Traceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'a'",
    ],
)
def test_an_error_of_duckdb_is_not_one_of_ours(text: str) -> None:
    assert raised_beneath(duckdb.Error(text)) is None
