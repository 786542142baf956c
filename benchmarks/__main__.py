"""`python -m benchmarks [--rows N] [--memory-rows N]`: every contender on one lake, in one run."""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.measure import Measured, measure
from evexport_dagster.sample import make_lake

DAY = date(2026, 6, 15)
ZONE = "America/New_York"
_SPEED = (
    "compress-only",
    "duckdb-copy-json.gz",
    "evexport-json",
    "duckdb-copy-csv.gz",
    "duckdb-copy-csv",
    "evexport-csv",
)
_RATIOS = (
    ("JSON against COPY json.gz", "evexport-json", "duckdb-copy-json.gz", 3.0),
    ("CSV against staged COPY csv.gz", "evexport-csv", "duckdb-copy-csv.gz", 2.5),
    ("CSV against staged COPY csv, uncompressed", "evexport-csv", "duckdb-copy-csv", None),
    ("JSON against compress-only", "evexport-json", "compress-only", None),
)


def main() -> None:
    """Make the lakes, run the contenders one after the other, print the table and the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the speed lake")
    parser.add_argument("--memory-rows", type=int, default=5_000_000, help="0: no memory run")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evexport-bench-"))
    try:
        print(
            f"{platform.platform()}, Python {platform.python_version()},"
            f" DuckDB {duckdb.__version__}"
        )
        measured = _run(folder, options.rows, _SPEED)
        _print_ratios(measured)
        if options.memory_rows:
            print(f"\nmemory at {options.memory_rows:,} rows, runtime.memory 2GB")
            _run(folder, options.memory_rows, ("evexport-json", "evexport-csv"))
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, rows: int, names: tuple[str, ...]) -> dict[str, Measured]:
    lake = folder / f"lake-{rows}"
    make_lake(lake, events=rows, first_day=DAY, days=1, zone=ZONE)
    print(f"\n{rows:,} rows\n{'contender':24}{'rows':>12}{'CPU s':>9}{'wall s':>9}", end="")
    print(f"{'rows/CPU-s':>12}{'peak MB':>9}{'MB out':>8}")
    found = {}
    for name in names:
        found[name] = it = measure(name, str(lake), str(folder / name), str(DAY))
        print(f"{it.name:24}{it.rows:>12,}{it.cpu_seconds:>9.1f}{it.wall_seconds:>9.1f}", end="")
        print(
            f"{it.rows_per_cpu_second:>12,.0f}{it.peak_mb:>9,.0f}{it.bytes / 1e6:>8,.0f}",
            flush=True,
        )
        shutil.rmtree(folder / name)
        if it.rows != rows:
            raise SystemExit(f"{name} wrote {it.rows} of {rows} rows")
    shutil.rmtree(lake)
    return found


def _print_ratios(measured: dict[str, Measured]) -> None:
    print("\nratio of rows per CPU-second")
    for title, ours, peer, goal in _RATIOS:
        ratio = measured[ours].rows_per_cpu_second / measured[peer].rows_per_cpu_second
        print(f"{title:44}{ratio:>7.2f}{f'   goal {goal}' if goal else ''}")


if __name__ == "__main__":
    main()
