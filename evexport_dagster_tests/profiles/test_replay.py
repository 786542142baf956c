"""The files of a series, replayed in their order, give what the source has: whatever comes late,
changes twice, vanishes, comes back, or is delivered again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evexport_dagster.query.profiles import Taking, keep_all_known, keep_known, take_profiles
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.windows import Window
from evexport_dagster_tests.handmade import Document, Handmade, at
from evexport_dagster_tests.profiles.people import PROFILES, consumed, people, profile, spec

DAYS = 4
Table = dict[str, Document]
Day = list[tuple[str, str, int | None]]

ids = st.sampled_from("abcd")
hours = st.none() | st.integers(-30, 24 * DAYS - 1)
"""When a profile says that it changed, in hours from the first window on."""
changes = st.one_of(
    st.tuples(st.just("put"), ids, hours),
    st.tuples(st.just("add"), ids, hours),
    st.tuples(st.just("alter"), ids, st.none()),
    st.tuples(st.just("drop"), ids, st.none()),
    st.tuples(st.just("back"), ids, st.none()),
    st.tuples(st.just("again"), st.sampled_from("01234"), st.none()),
)
days = st.lists(st.lists(changes, max_size=4), min_size=2, max_size=DAYS)


@dataclass
class Source:
    """The rows that the source has, of which a profile can have several."""

    rows: list[Document] = field(default_factory=list)
    dropped: dict[str, list[Document]] = field(default_factory=dict)
    count: int = 0

    def change(self, what: str, profile_id: str, hour: int | None) -> None:
        """Put a profile as one row, add a row to it, alter its newest one without a word of when,
        drop the profile, or have it back as it was."""
        self.count += 1
        own = [row for row in self.rows if row["profile_id"] == profile_id]
        if what in ("put", "drop"):
            self._remove(own)
        if what == "drop" and own:
            self.dropped[profile_id] = own
        if what == "back" and not own:
            self.rows += self.dropped.get(profile_id, [])
        if what in ("put", "add"):
            when = None if hour is None else at(0, hour)
            self.rows.append(profile(profile_id, when, n=self.count))
        elif what == "alter" and own:
            newest = self.now()[profile_id]
            self._remove(newest)
            self.rows.append(profile(profile_id, newest[0]["updated_at"], n=self.count))

    def now(self) -> dict[str, list[Document]]:
        """What counts of each profile: one of these."""
        found: dict[str, list[Document]] = {}
        for profile_id in {row["profile_id"] for row in self.rows}:
            own = [row for row in self.rows if row["profile_id"] == profile_id]
            newest = max((it["updated_at"] for it in own if it["updated_at"]), default=None)
            found[profile_id] = [it for it in own if it["updated_at"] == newest]
        return found

    def agrees(self, table: Table, before: datetime, *, vanish: bool) -> None:
        """A consumer's table is the source's, as far as that has changed before an instant; it
        may have more unless profiles `vanish` from it."""
        for profile_id, rows in self.now().items():
            if rows[0]["updated_at"] is None or rows[0]["updated_at"] < before:
                assert table.get(profile_id) in [json.loads(row["properties"]) for row in rows]
        assert table.keys() <= self.now().keys() or not vanish

    def _remove(self, rows: list[Document]) -> None:
        self.rows = [row for row in self.rows if not any(row is it for it in rows)]


def lived(
    made: list[Day],
    run: Callable[[Source, int, int], None],
    table: Callable[[], Table],
    *,
    vanish: bool,
) -> None:
    """Live through some days, of which each ends with a run of its window, and two without a
    change. `run` takes the window of a day, on a day."""
    source = Source()
    for today, changed in enumerate([*made, *[[]] * (DAYS - len(made)), [], []]):
        for what, whom, hour in changed:
            if what != "again":
                source.change(what, whom, hour)
            elif int(whom) < today:
                run(source, int(whom), today)
        run(source, today, today)
        source.agrees(table(), before=at(today + 1), vanish=vanish)


_BACK_AFTER_ITS_WINDOW: list[Day] = [
    [("put", "a", -5)],
    [("drop", "a", None), ("again", "0", None)],
    [("back", "a", None)],
]


class Series:
    """A series of files without a project around it: only what each window takes."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path, spec: ExportSpec) -> None:
        self._con, self._folder, self._spec = con, folder, spec
        self._files: dict[int, dict[str, Document | None]] = {}
        self._known: list[Path] = []

    def run(self, source: Source, day: int, today: int) -> None:
        """Deliver the window of a day; every fourth time what is known is put together."""
        number = 1 + int(self._known[-1].stem) if self._known else 1
        window = Window(at(day), at(day + 1))
        full = not any(other < day for other in self._files)
        rows = pa.Table.from_pylist(source.rows, PROFILES)
        self._con.register("rows", rows)
        self._con.execute(f"CREATE OR REPLACE VIEW source_profiles AS {_CANONICAL}")
        take_profiles(self._con, Taking(self._spec, window, 1, is_full=full), self._known)
        taken = self._con.execute("SELECT profile_id, properties FROM source_profiles").fetchall()
        vanished = self._con.execute("SELECT profile_id FROM vanished").fetchall()
        assert len({profile_id for profile_id, _ in taken}) == len(taken)
        if full:
            assert {profile_id for profile_id, _ in taken} == source.now().keys()
        self._files[day] = {
            **{profile_id: json.loads(text) for profile_id, text in taken},
            **{profile_id: None for (profile_id,) in vanished},
        }
        if len(self._known) >= 4:
            self._known = [self._path(number)]
            keep_all_known(self._con, self._known[0])
            number += 1
        keep_known(self._con, window, self._path(number))
        self._known.append(self._path(number))

    def table(self) -> Table:
        """The consumer's table: the files in the order of their windows."""
        found: dict[str, Document | None] = {}
        for day in sorted(self._files):
            found |= self._files[day]
        return {profile_id: it for profile_id, it in found.items() if it is not None}

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.parquet"


_CANONICAL = """
    SELECT *, NULL::VARCHAR AS push_token, NULL::VARCHAR AS subscription_groups,
        NULL::BIGINT AS instance_id, NULL::UBIGINT AS position
    FROM rows
"""


@contextmanager
def empty_project(*, tombstones: bool) -> Iterator[Handmade]:
    """A project whose source has no event and no profile."""
    with tempfile.TemporaryDirectory() as folder:
        home = Handmade(Path(folder) / "project")
        home.events([])
        people(home, [])
        spec(home, tombstones=tombstones)
        yield home
        home.close()


@pytest.mark.parametrize("tombstones", [True, False])
@settings(max_examples=40, deadline=None)
@given(made=days)
@example(made=_BACK_AFTER_ITS_WINDOW)
def test_what_the_windows_take_gives_what_the_source_has(
    made: list[Day], *, tombstones: bool
) -> None:
    with empty_project(tombstones=tombstones) as home, duckdb.connect() as con:
        series = Series(con, home.folder, home.open().job("people").spec)
        lived(made, series.run, series.table, vanish=tombstones)


@settings(max_examples=3, deadline=None)
@given(days)
def test_the_files_of_a_series_give_what_the_source_has(made: list[Day]) -> None:
    with empty_project(tombstones=True) as home:

        def run(source: Source, day: int, today: int) -> None:
            people(home, source.rows)
            home.now = at(today + 1, 1)
            home.run("people", **({} if day == today else {"from_": at(day), "to": at(day + 1)}))

        lived(made, run, lambda: consumed(home), vanish=True)
