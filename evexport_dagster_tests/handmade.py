"""A project made by hand: few rows, any zone, any present; and what lies in its destination."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evexport_dagster.exports import Project, load_project
from evexport_dagster.ledger import Receipt

Document = dict[str, Any]

DAY = dt.datetime(2026, 6, 14, tzinfo=dt.UTC)
"""The start of the first window."""
NOW = DAY + dt.timedelta(days=3, hours=1)
"""When three daily windows have ended and settled."""

_LOCAL = {"type": "local", "path": "out"}
_EVENTS = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_name", pa.string()),
        ("event_time", pa.timestamp("us", "UTC")),
        ("profile_id", pa.string()),
        ("device", pa.string()),
        ("event_props", pa.string()),
        ("instance_id", pa.int64()),
    ]
)
_PROFILES = pa.schema(
    [
        ("profile_id", pa.string()),
        ("identities", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("email", "phone", "name", "gender", "dob")),
        *((name, pa.string()) for name in ("properties", "comm_prefs")),
    ]
)


_ARRIVED = pa.field("arrived_at", pa.timestamp("us", "UTC"))


def arrived(row: Document, time: dt.datetime) -> Document:
    """A row that says when it became visible."""
    return {**row, "arrived_at": time}


def event(
    name: str | None, time: dt.datetime | None, instance: int = 0, **props: object
) -> Document:
    """A row of the source."""
    return {
        "event_name": name,
        "event_time": time,
        "profile_id": "p1",
        "device": "{}",
        "event_props": json.dumps(props),
        "instance_id": instance,
    }


def at(day: int, hour: float = 0) -> dt.datetime:
    """An instant: so many days and hours after the start of the first window."""
    return DAY + dt.timedelta(days=day, hours=hour)


@dataclass
class Handmade:
    """A project folder; its clock is set by hand."""

    folder: Path
    zone: str = "UTC"
    now: dt.datetime = NOW
    runtime: Document = field(default_factory=dict)
    destinations: Document = field(
        default_factory=lambda: {"local": {"type": "local", "path": "out"}}
    )
    _opened: list[Project] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "lake" / "events").mkdir(parents=True)
        (self.folder / "exports").mkdir()
        profile = {"profile_id": "p1", "identities": ["ann"], "email": "ann@example.com"}
        table = pa.Table.from_pylist([profile], _PROFILES)
        pq.write_table(table, self.folder / "lake" / "profiles.parquet")
        self.configure()

    @property
    def out(self) -> Path:
        """The destination."""
        return self.folder / "out"

    def configure(self, **runtime: object) -> None:
        """Write `evexport.yaml`, with these settings of the runtime added."""
        self.runtime |= runtime
        relations = {"events": {"from": "lake/events/*.parquet"}}
        relations["profiles"] = {"from": "lake/profiles.parquet"}
        document = {
            "account": {"id": "42", "name": "Acme", "timezone": self.zone},
            "sources": {"lake": relations},
            "destinations": self.destinations,
            "runtime": self.runtime,
        }
        (self.folder / "evexport.yaml").write_text(json.dumps(document), encoding="utf-8")

    def events(self, rows: Iterable[Mapping[str, object]], file: str = "events") -> Path:
        """Write a file of the source; each row gets an id by its number unless it has one.

        The file has `arrived_at` where a row has.
        """
        named = [{"event_id": f"{file}-{n:04}", **row} for n, row in enumerate(rows)]
        path = self.folder / "lake" / "events" / f"{file}.parquet"
        has_arrived = any("arrived_at" in row for row in named)
        schema = _EVENTS.append(_ARRIVED) if has_arrived else _EVENTS
        pq.write_table(pa.Table.from_pylist(named, schema), path, compression="none")
        return path

    def spec(self, name: str = "purchases", **changes: object) -> None:
        """Write a spec: daily, CSV, two events, but for the changes."""
        spec = {
            "name": name,
            "source": "lake",
            "destination": "local",
            "folder": "event_name",
            "format": "csv",
            "events": {"select": ["Charged", "App Launched"]},
            "schedule": recurring(),
            **changes,
        }
        text = re.sub(r'"(\d{4}-\d\d-\d\d)"', r"\1", json.dumps(spec))
        (self.folder / "exports" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def open(self) -> Project:
        """The project as its files are now; closed with the test."""
        project = load_project(self.folder, clock=lambda: self.now)
        self._opened.append(project)
        return project

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Handmade]:
        """The same project in another folder, with all that it has delivered."""
        # The ledger's file is whole once nobody has it open.
        self.close()
        made = replace(
            self,
            folder=folder,
            runtime={**self.runtime},
            destinations=deepcopy(self.destinations),
            _opened=[],
        )
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        yield made
        made.close()

    def close(self) -> None:
        """Close what was opened."""
        for project in self._opened:
            project.close()

    def run(self, name: str = "purchases", **arguments: Any) -> tuple[Receipt, ...]:
        """The receipts of a run."""
        with self.open() as project:
            return project.run(name, **arguments).receipts

    def receipts(self, name: str = "purchases") -> tuple[Receipt, ...]:
        """Every receipt of an export, in order of window and event."""
        with self.open() as project:
            found = project.show(name).receipts
        return tuple(sorted(found, key=lambda it: (it.window_start, it.event)))

    def tree(self) -> dict[str, bytes]:
        """Every file of the destination, hidden ones too."""
        return tree(self.out)

    def delivered(self) -> dict[str, list[dict[str, str]]]:
        """The records of every file that consumers see, read to its end: `.csv.gz` ones."""
        return {key: csv_rows(data) for key, data in self.tree().items() if visible(key)}

    def values(self, column: str = "n") -> Counter[str]:
        """How often each value of a column was delivered, in all files."""
        return Counter(row[column] for rows in self.delivered().values() for row in rows)


def recurring(every: str = "24h", start: str = "2026-06-14", **history: str) -> Document:
    """A recurring schedule; `first` and `last` are the days of its history."""
    schedule: Document = {"every": every, "start": start}
    if history:
        schedule["history"] = {"from": history["first"], "to": history["last"]}
    return {"recurring": schedule}


def one_time(first: str, last: str) -> Document:
    """A one-time schedule."""
    return {"one_time": {"from": first, "to": last}}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def visible(key: str) -> bool:
    """Whether a consumer takes a file: it is not hidden."""
    return not key.rsplit("/", 1)[-1].startswith(".")


def text(data: bytes) -> str:
    """What a gzip file holds; raises where it is cut off."""
    return gzip.decompress(data).decode()


def header(data: bytes) -> list[str]:
    """The first row of a CSV file."""
    return next(csv.reader(io.StringIO(text(data))))


def csv_rows(data: bytes) -> list[dict[str, str]]:
    """The records of a CSV file."""
    return list(csv.DictReader(io.StringIO(text(data))))


def json_rows(data: bytes) -> list[Document]:
    """The records of a JSON file."""
    return [json.loads(line) for line in text(data).splitlines()]


def three_days(folder: Path) -> Handmade:
    """A project with one export and three days of two events."""
    made = Handmade(folder)
    made.events(
        event(name, at(day, hour), n=f"{name} {day} {hour}")
        for day in range(3)
        for hour in (1, 23)
        for name in ("Charged", "App Launched")
    )
    made.spec()
    return made


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Handmade]:
    """A project with one export and three days of two events."""
    made = three_days(tmp_path / "project")
    yield made
    made.close()
