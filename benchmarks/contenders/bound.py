"""The bound: whole JSON records, rendered before and read from memory, compressed and written."""

from __future__ import annotations

import resource
import time
from pathlib import Path

from isal import igzip

from benchmarks.contenders import sql
from benchmarks.contenders.base import Contender, Unmeasured

_MEBIBYTE = 1 << 20


def _compress(lake: Path, out: Path) -> Unmeasured:
    con = sql.connection(out.with_name("spill"))
    con.execute(
        f"CREATE TEMP TABLE records AS SELECT to_json(it) AS line FROM ({sql.nested(lake)}) AS it"
    )
    spent = Unmeasured(_cpu(), time.perf_counter() - _STARTED)
    out.mkdir()
    with (out / "all.json.gz").open("wb") as file:
        lines = con.sql("SELECT line || chr(10) FROM records").to_arrow_reader(122_880)
        for batch in lines:
            data = memoryview(batch.column(0).buffers()[2])
            for start in range(0, len(data), _MEBIBYTE):
                file.write(igzip.compress(bytes(data[start : start + _MEBIBYTE]), 2))
    return spent


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


_STARTED = time.perf_counter()

CONTENDERS = (
    Contender(
        "compress-only",
        "json",
        "isal.igzip.compress(1 MiB of rendered lines, level 2), in one thread",
        ("isal", "duckdb"),
        _compress,
    ),
)
