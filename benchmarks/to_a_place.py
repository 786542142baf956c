"""One action of `benchmarks.clouds` in a process of its own: an export, or one file that is put.

    python -m benchmarks.to_a_place export LAKE FOLDER DESTINATION
    python -m benchmarks.to_a_place put FILE FOLDER DESTINATION

DESTINATION is JSON, as `evexport.yaml` has it. Prints the seconds, and the MB that the action took
at its peak beyond what the process had before.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from evexport_dagster import load_project
from evexport_dagster.settings import load_settings
from evexport_dagster.stores import open_store

DAY = date(2026, 6, 15)
ZONE = "America/New_York"
_RELATIONS = ("events", "events/*.parquet"), ("profiles", "profiles.parquet")


def export(lake: Path, folder: Path, destination: object) -> Callable[[], None]:
    """A day of every event."""
    _make_project(lake, folder, destination)
    project = load_project(folder)

    def run() -> None:
        with project:
            project.run("bench")

    return run


def put(path: Path, folder: Path, destination: object) -> Callable[[], None]:
    """One file, with a connection that is open already."""
    _make_project(folder, folder, destination)
    store = open_store("place", load_settings(folder).destinations["place"])
    store.put("small", Path(__file__))
    return lambda: store.put("large", path)


def _make_project(lake: Path, folder: Path, destination: object) -> None:
    (folder / "exports").mkdir(parents=True)
    project = {
        "account": {"id": "1", "name": "Benchmark", "timezone": ZONE},
        "sources": {"lake": {name: {"from": f"{lake}/{path}"} for name, path in _RELATIONS}},
        "destinations": {"place": destination},
        "runtime": {"memory": "2GB", "threads": 2, "history_limit": "36500d"},
    }
    spec = {
        "name": "bench",
        "source": "lake",
        "destination": "place",
        "folder": {"template": f"{folder.name}/{{{{event-name}}}}"},
        "format": "csv",
        "identity": {"identifiers": ["Identity", "Email"], "all_identities": True},
        "user_properties": ["Email", "Name"],
        "device": ["platform", "make", "model"],
        "events": {"select": "all"},
        "schedule": {"one_time": {"from": str(DAY), "to": str(DAY)}},
    }
    (folder / "evexport.yaml").write_text(json.dumps(project))
    dated = json.dumps(spec).replace(f'"{DAY}"', str(DAY))
    (folder / "exports" / "bench.yaml").write_text(dated)


def _memory(name: str) -> float:
    """MB of this process: what it has (VmRSS), or had at its peak since that was reset (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 1024


def main(what: str, source: str, folder: str, destination: str) -> None:
    """Prepare, act, and print what the action took."""
    prepare = {"export": export, "put": put}[what]
    action = prepare(Path(source), Path(folder), json.loads(destination))
    Path("/proc/self/clear_refs").write_text("5")
    before, begin = _memory("VmRSS"), time.perf_counter()
    action()
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "megabytes": _memory("VmHWM") - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
