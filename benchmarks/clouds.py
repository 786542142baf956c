"""`python -m benchmarks.clouds [--rows N] [--runs N] [--size BYTES]`: what a bucket costs.

One export goes to a folder and to S3 servers on this machine, in turns, all in one run; then one
large file is put, while the memory of the process that puts it is watched. rclone's server is
quick; moto answers as Amazon does, and takes most of the time for itself.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclone_api import BINARY_PATH

from benchmarks.to_a_place import DAY, ZONE
from evexport_dagster.sample import make_lake
from evexport_dagster_tests.clouds.process import free_port, running
from evexport_dagster_tests.clouds.s3_cloud import S3Cloud

GOAL = 1.15
MEMORY_GOAL = 64
"""MB that putting a file may take, whatever its size: parts in flight are read as they are sent."""

_NOISE = os.urandom(16 << 20)
_BUCKET = "bench"
_KEYS = {"BENCH_KEY": "AKIABENCHBENCHBENCH1", "BENCH_SECRET": "bench/secret/0123456789"}
_LOCAL = {"type": "local", "path": "out"}


@dataclass(frozen=True)
class Server:
    """An S3 server: its address, and the keys of a user, as variables."""

    name: str
    url: str
    keys: Mapping[str, str]

    @property
    def destination(self) -> dict[str, Any]:
        """As `evexport.yaml` has it."""
        return {
            "type": "s3",
            "bucket": _BUCKET,
            "region": "eu-west-1",
            "endpoint": self.url,
            "access_key_id": {"env": "BENCH_KEY"},
            "secret_access_key": {"env": "BENCH_SECRET"},
        }


@contextmanager
def rclone(folder: Path) -> Iterator[Server]:
    """rclone's server, whose objects are files of a folder."""
    objects = folder / "rclone"
    (objects / _BUCKET).mkdir(parents=True)
    port = free_port()
    key = ",".join(_KEYS.values())
    command = [str(BINARY_PATH), "serve", "s3", str(objects), "--auth-key", key]
    with running("rclone", [*command, "--addr", f"127.0.0.1:{port}"], port, folder) as server:
        yield Server("rclone", server.url, _KEYS)


@contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """moto, as strict as the tests have it."""
    port = free_port()
    module = "evexport_dagster_tests.clouds.s3_server"
    with running("moto", [sys.executable, "-m", module, str(port)], port, folder) as server:
        cloud = S3Cloud.fresh(server.url)
        cloud.bucket(_BUCKET)
        keys = {"BENCH_KEY": cloud.root.id, "BENCH_SECRET": cloud.root.secret}
        yield Server("moto", server.url, keys)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clouds")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", type=int, default=2 << 30, help="of the large file")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evexport-clouds-"))
    try:
        with ExitStack() as servers:
            places = [servers.enter_context(it(folder)) for it in (rclone, moto)]
            _compare(folder, places, options.rows, options.runs)
            _put_large(folder, places[0], options.size)
    finally:
        shutil.rmtree(folder)


def _compare(folder: Path, servers: list[Server], rows: int, runs: int) -> None:
    lake = folder / "lake"
    make_lake(lake, events=rows, first_day=DAY, days=1, zone=ZONE)
    places: dict[str, Server | None] = {"local": None, **{it.name: it for it in servers}}
    times: dict[str, list[float]] = {name: [] for name in places}
    # The first turn only warms up what all of them read.
    for turn in range(runs + 1):
        for name, server in places.items():
            seconds = _measured("export", lake, folder / f"{name}-{turn}", server)["seconds"]
            if turn:
                times[name].append(seconds)
    local = statistics.median(times["local"])
    print(f"{rows:,} rows, CSV, all events, {runs} runs in turns")
    print(f"{'store':10}{'wall s':>8}{'ratio':>8}")
    for name, each in times.items():
        median = statistics.median(each)
        spread = " ".join(f"{it:.2f}" for it in sorted(each))
        print(f"{name:10}{median:>8.2f}{median / local:>8.2f}   ({spread})")
    print(f"goal: at most {GOAL} times local\n", flush=True)


def _put_large(folder: Path, server: Server, size: int) -> None:
    path = folder / "large"
    with path.open("wb") as file:
        for _ in range(size // len(_NOISE)):
            file.write(_NOISE)
    done = _measured("put", path, folder, server)
    size = path.stat().st_size
    print(f"one file of {size / (1 << 30):.1f} GiB: {done['seconds']:.1f} s,", end="")
    print(
        f" {size / done['seconds'] / 1e6:,.0f} MB/s, {done['megabytes']:.0f} MB of memory", end=""
    )
    print(f" (goal: at most {MEMORY_GOAL})")


def _measured(what: str, source: Path, target: Path, server: Server | None) -> dict[str, float]:
    """What a process of its own says of one action."""
    place = json.dumps(server.destination if server else _LOCAL)
    command = [sys.executable, "-m", "benchmarks.to_a_place", what, str(source), str(target)]
    environment = {**os.environ, **(server.keys if server else {})}
    said = subprocess.run([*command, place], env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
