"""pyarrow: one table, then an event after the other, its properties parsed by `pyarrow.json`.

It has no writer of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from benchmarks.contenders.base import DEVICE, PREFERENCES, THREADS, ZONE, Contender, batches

_BLOCK = 64 << 20


def _write(format_: str, lake: Path, out: Path) -> None:
    pa.set_cpu_count(THREADS)
    people = pq.read_table(lake / "profiles.parquet")
    for number, files in enumerate(batches(lake)):
        _write_batch(format_, pq.read_table(files), people, out, f"{number}")


def _write_batch(format_: str, events: pa.Table, people: pa.Table, out: Path, name: str) -> None:
    events = events.sort_by("event_name")
    ids = people["profile_id"].combine_chunks()
    ends = pc.run_end_encode(events["event_name"].combine_chunks()).run_ends.to_pylist()
    for start, end in pairwise([0, *ends]):
        rows = events.slice(start, end - start).combine_chunks()
        theirs = people.take(pc.index_in(rows["profile_id"], ids)).combine_chunks()
        event = quote(rows["event_name"][0].as_py(), safe="")
        (out / f"event={event}").mkdir(parents=True, exist_ok=True)
        _WRITERS[format_](pa.table(dict(_groups(rows, theirs))), out / f"event={event}" / name)


def _groups(rows: pa.Table, people: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    local = rows["event_time"].cast(pa.timestamp("s", ZONE), safe=False)
    yield "eventName", rows["event_name"]
    yield "eventTime", pc.strftime(local, "%Y-%m-%dT%H:%M:%S%z")
    first = pc.binary_join(pc.list_slice(people["identities"], 0, 1), "")
    several = (pc.binary_join(people["identities"], ","), people["email"], people["phone"])
    identity = {
        "identity": pc.coalesce(first, people["email"], people["phone"]),
        "all_identities": pc.binary_join_element_wise(*several, ",", null_handling="replace"),
        "clevertapId": rows["profile_id"],
    }
    yield "identity", _struct(identity)
    profile = {name: people[name] for name in ("email", "phone", "name", "gender")}
    yield "profile", _struct(profile | {"tier": _parsed(people["properties"])["tier"]})
    yield "deviceInfo", _struct(_some(_parsed(rows["device"]), DEVICE))
    yield "commPrefs", _struct(_some(_parsed(people["comm_prefs"]), PREFERENCES))
    props = _parsed(rows["event_props"])
    yield "eventProps", _struct(_some(props, props.column_names))


def _parsed(texts: pa.ChunkedArray) -> pa.Table:
    plain = pc.fill_null(texts.cast(pa.string()), "{}").combine_chunks()
    (_, _, lines) = pc.binary_join_element_wise(plain, "", "\n").buffers()
    reading = pyarrow.json.ReadOptions(block_size=_BLOCK)
    return pyarrow.json.read_json(pa.BufferReader(lines), reading)


def _some(table: pa.Table, keys: Sequence[str]) -> dict[str, pa.ChunkedArray]:
    return {key: table[key] for key in keys if key in table.column_names}


def _struct(columns: dict[str, pa.ChunkedArray]) -> pa.Array:
    arrays = [it.combine_chunks() for it in columns.values()]
    return pa.StructArray.from_arrays(arrays, list(columns))


def _csv(groups: pa.Table, path: Path) -> None:
    while any(pa.types.is_struct(kind) for kind in groups.schema.types):
        groups = groups.flatten()
    cells = [_cell(it) if pa.types.is_list(it.type) else it for it in groups.columns]
    with pa.CompressedOutputStream(f"{path}.csv.gz", "gzip") as file:
        pyarrow.csv.write_csv(pa.table(cells, groups.column_names), file)


def _cell(lists: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_struct(lists.type.value_type):
        return pa.array(list(map(json.dumps, lists.to_pylist())))
    return pc.binary_join(lists.cast(pa.list_(pa.string())), ",")


def _parquet(groups: pa.Table, path: Path) -> None:
    pq.write_table(groups, f"{path}.parquet", compression="zstd")


_WRITERS = {"csv": _csv, "parquet": _parquet}
_CALLS = {
    "csv": "csv.write_csv to a gzip CompressedOutputStream",
    "parquet": "parquet.write_table(compression='zstd'), groups as structs, a column a key",
}
CONTENDERS = tuple(
    Contender(
        f"pyarrow-{'parquet-structs' if format_ == 'parquet' else format_}",
        format_,
        f"read_table, sort_by, take, per event json.read_json of the properties, {call}",
        ("pyarrow",),
        partial(_write, format_),
    )
    for format_, call in _CALLS.items()
)
