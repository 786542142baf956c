"""`python -m benchmarks speed | memory`: contenders on one lake, one after the other.

Ends with 1 where a contender is missing, fails, or did not write every row; what the others did
is told all the same.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.contenders.ours import MEMORY
from benchmarks.lakes import lake_of, spread
from benchmarks.measure import FailedError, Measured, measure
from benchmarks.registry import CONTENDERS

_OURS = ("evexport-json", "evexport-csv", "evexport-xml", "evexport-parquet")


def main() -> None:
    """Run what the command line asks for."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="evexport-bench-"))
    print(report.machine(), flush=True)
    try:
        failed = options.run(options, folder)
    finally:
        shutil.rmtree(folder)
    if failed:
        raise SystemExit("\n".join(["", *failed]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    modes = parser.add_subparsers(required=True)
    speed = modes.add_parser("speed", help="every contender on one lake, as ratios")
    speed.add_argument("--rows", type=int, default=2_000_000)
    speed.add_argument("--only", nargs="+", choices=CONTENDERS, metavar="NAME", default=None)
    speed.set_defaults(run=_speed)
    memory = modes.add_parser("memory", help="our peak memory by rows, and by names of events")
    memory.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 20_000_000])
    memory.add_argument("--events", type=int, nargs="+", default=[1, 500])
    memory.add_argument("--only", nargs="+", choices=_OURS, metavar="NAME", default=_OURS)
    memory.set_defaults(run=_memory)
    for mode in (speed, memory):
        mode.add_argument("--keep", action="store_true", help="write the results to RESULTS.md")
    return parser.parse_args()


def _speed(options: argparse.Namespace, folder: Path) -> list[str]:
    names = options.only or [*CONTENDERS]
    lake = lake_of(folder, options.rows)
    failed: list[str] = []
    measured = [*_measured(names, lake, options.rows, folder, failed)]
    text = "\n\n".join(
        (report.machine(), report.speed(measured), report.ratios(measured))
        + (("Failed: " + "; ".join(it.splitlines()[0] for it in failed),) if failed else ())
        + (report.commands(measured),)
    )
    print(f"\n{text}")
    if options.keep:
        report.keep(f"Speed, {options.rows:,} rows", text)
    return failed


def _memory(options: argparse.Namespace, folder: Path) -> list[str]:
    failed: list[str] = []
    cases: list[tuple[str, Measured]] = []
    for rows in sorted(options.rows):
        lake = lake_of(folder, rows)
        cases += [
            (f"{rows:,} rows", it) for it in _measured(options.only, lake, rows, folder, failed)
        ]
        if rows == min(options.rows):
            for events in options.events:
                wide = spread(lake, events, instances=24)
                title = f"{events} events x 24 instances"
                cases += [(title, it) for it in _measured(options.only, wide, rows, folder, failed)]
                shutil.rmtree(wide)
        shutil.rmtree(lake)
    head = ("contender", "lake", "rows", "peak MB", "CPU s")
    lines = [
        (it.contender.name, title, f"{it.rows:,}", f"{it.peak_mb:,.0f}", f"{it.cpu_seconds:,.1f}")
        for title, it in sorted(cases, key=lambda case: case[1].contender.name)
    ]
    text = f"{report.machine()}; runtime.memory {MEMORY}\n\n{report.table(head, lines)}"
    print(f"\n{text}")
    if options.keep:
        report.keep("Memory", text)
    return failed


def _measured(
    names: Sequence[str], lake: Path, rows: int, folder: Path, failed: list[str]
) -> Iterator[Measured]:
    """The contenders that succeed, each told when it is done; the others are added to `failed`."""
    for name in names:
        work = folder / name
        work.mkdir()
        try:
            it = measure(CONTENDERS[name], lake, rows, work)
        except FailedError as error:
            print(f"{name}: FAILED", flush=True)
            failed.append(str(error))
        else:
            print("  ".join(f"{cell:>12}" for cell in report.cells(it)), flush=True)
            yield it
        finally:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
