"""pyarrow: the columns of our Parquet files, with maps of unions.

What is of a person or of a device is made once for each of them. Objects and lists inside of
properties are written as JSON again, for its reader keeps no text and it has no writer of JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.parquet as pq

from benchmarks.contenders.base import DEVICE, PREFERENCES, THREADS, ZONE, Contender, batches

_UNION = pa.struct(
    {
        "member0": pa.bool_(),
        "member1": pa.int32(),
        "member2": pa.int64(),
        "member3": pa.float32(),
        "member4": pa.float64(),
        "member5": pa.string(),
    }
)
_EVENT = ["event_name", "event_time", "profile_id", "device", "event_props"]
_INT32 = pa.scalar(-(1 << 31), pa.int64()), pa.scalar((1 << 31) - 1, pa.int64())


def _write(lake: Path, out: Path) -> None:
    pa.set_cpu_count(THREADS)
    profiles = pq.read_table(lake / "profiles.parquet")
    for number, files in enumerate(batches(lake)):
        events = pq.read_table(files, columns=_EVENT).sort_by("event_name").combine_chunks()
        _write_batch(events, profiles, out, f"{number}")


def _write_batch(events: pa.Table, profiles: pa.Table, out: Path, name: str) -> None:
    person = _numbered(events["profile_id"])
    people = _people(person.dictionary, profiles)
    device = _numbered(events["device"])
    devices = _entries(_some(_parsed(device.dictionary), DEVICE))
    ends = pc.run_end_encode(events["event_name"].combine_chunks()).run_ends.to_pylist()
    for start, end in pairwise([0, *ends]):
        rows = events.slice(start, end - start).combine_chunks()
        theirs = people.take(person.indices.slice(start, end - start))
        folder = out / f"event={quote(rows['event_name'][0].as_py(), safe='')}"
        folder.mkdir(parents=True, exist_ok=True)
        columns = {
            "eventName": rows["event_name"],
            "timestamp": _times(rows["event_time"]),
            "identity": theirs["identity"],
            "deviceInfo": devices.take(device.indices.slice(start, end - start)),
            "commPrefs": theirs["commPrefs"],
            "profile": theirs["profile"],
            "eventProps": _entries(_parsed(rows["event_props"].combine_chunks())),
        }
        pq.write_table(pa.table(columns), folder / f"{name}.parquet", compression="zstd")


def _numbered(texts: pa.ChunkedArray) -> pa.DictionaryArray:
    return texts.cast(pa.string()).combine_chunks().dictionary_encode()


def _times(times: pa.ChunkedArray) -> pa.MapArray:
    local = times.combine_chunks().cast(pa.timestamp("s", ZONE), safe=False)
    texts = pc.strftime(local, "%Y-%m-%dT%H:%M:%S%z")
    keys = pa.repeat(pa.scalar("eventTime"), len(texts))
    return pa.MapArray.from_arrays(pa.arange(0, len(texts) + 1).cast(pa.int32()), keys, texts)


def _people(ids: pa.Array, profiles: pa.Table) -> pa.Table:
    """The groups of some people, each of whom may have no profile."""
    found = profiles.take(pc.index_in(ids, profiles["profile_id"].combine_chunks()))
    profiles = found.combine_chunks()
    identity = {
        "identity": pc.coalesce(
            _unless_empty(pc.binary_join(pc.list_slice(profiles["identities"], 0, 1), "")),
            profiles["email"],
            profiles["phone"],
        ),
        "all_identities": _all_identities(profiles),
        "clevertapId": ids,
    }
    profile = {
        "Email": profiles["email"],
        "Phone": profiles["phone"],
        "Name": profiles["name"],
        "Gender": profiles["gender"],
        "tier": _parsed(profiles["properties"].combine_chunks())["tier"],
    }
    preferences = _some(_parsed(profiles["comm_prefs"].combine_chunks()), PREFERENCES)
    return pa.table(
        {
            "identity": _entries(pa.table(identity)),
            "commPrefs": _entries(preferences),
            "profile": _entries(pa.table(profile)),
        }
    )


def _all_identities(profiles: pa.Table) -> pa.Array:
    listed = profiles["identities"].combine_chunks()
    texts = pa.ListArray.from_arrays(listed.offsets, _json(listed.values))
    several = (
        _unless_empty(pc.binary_join(texts, ",")),
        _json(profiles["email"].combine_chunks()),
        _json(profiles["phone"].combine_chunks()),
    )
    return _within("[", _listed(several), "]")


def _unless_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _parsed(objects: pa.Array) -> pa.Table:
    plain = pc.fill_null(objects.cast(pa.string()), "{}")
    lines = pc.binary_join_element_wise(plain, "", "\n").buffers()[2]
    reading = pyarrow.json.ReadOptions(block_size=64 << 20)
    table = pyarrow.json.read_json(pa.BufferReader(lines), reading)
    times = [it.with_type(pa.string()) for it in table.schema if pa.types.is_timestamp(it.type)]
    if not times:
        return table
    # Texts of dates were read as times, and have to be texts.
    parsing = pyarrow.json.ParseOptions(explicit_schema=pa.schema(times))
    return pyarrow.json.read_json(pa.BufferReader(lines), reading, parsing)


def _some(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    return table.select([key for key in keys if key in table.column_names])


def _entries(table: pa.Table) -> pa.MapArray:
    """The rows of a table as maps of unions, each with the keys whose value is not null."""
    columns = [column.combine_chunks() for column in table.columns]
    every = pa.arange(0, len(table)).cast(pa.int32())
    rows = pa.concat_arrays([every.filter(it.is_valid()) for it in columns])
    numbers = [
        pa.repeat(pa.scalar(number, pa.int32()), len(it) - it.null_count)
        for number, it in enumerate(columns)
    ]
    keys = pa.DictionaryArray.from_arrays(pa.concat_arrays(numbers), table.column_names)
    values = pa.concat_arrays([_union(it.drop_null()) for it in columns])
    order = pc.sort_indices(rows)
    lengths = reduce(pc.add, [it.is_valid().cast(pa.int32()) for it in columns])
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    return pa.MapArray.from_arrays(offsets, keys.take(order), values.take(order))


def _union(values: pa.Array) -> pa.StructArray:
    members = _members(values)
    arrays = [
        members[it.name].cast(it.type) if it.name in members else pa.nulls(len(values), it.type)
        for it in _UNION
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(_UNION))


def _members(values: pa.Array) -> dict[str, pa.Array]:
    if pa.types.is_boolean(values.type):
        return {"member0": values}
    if pa.types.is_integer(values.type):
        return _integers(values)
    if not pa.types.is_floating(values.type):
        return {"member5": values if pa.types.is_string(values.type) else _json(values)}
    # A column of integers and fractions was read as one of fractions.
    is_whole = pc.equal(pc.floor(values), values)
    whole = pc.if_else(is_whole, values, None).cast(pa.int64())
    return {**_integers(whole), "member4": pc.if_else(is_whole, None, values)}


def _integers(values: pa.Array) -> dict[str, pa.Array]:
    lowest, highest = _INT32
    is_short = pc.and_(pc.greater_equal(values, lowest), pc.less_equal(values, highest))
    return {
        "member1": pc.if_else(is_short, values, None),
        "member2": pc.if_else(is_short, None, values),
    }


def _json(values: pa.Array) -> pa.Array:
    if pa.types.is_struct(values.type):
        members = [
            pc.binary_join_element_wise(f'"{field.name}":', _json(member), "")
            for field, member in zip(values.type, values.flatten(), strict=True)
        ]
        return _within("{", pc.if_else(values.is_valid(), _listed(members), None), "}")
    if pa.types.is_list(values.type):
        elements = pa.ListArray.from_arrays(values.offsets, _json(values.values))
        joined = pc.binary_join(elements, ",")
        return _within("[", pc.if_else(values.is_valid(), joined, None), "]")
    if not pa.types.is_string(values.type):
        return values.cast(pa.string())
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return _within('"', escaped, '"')


def _listed(members: Sequence[pa.Array]) -> pa.Array:
    """Texts with commas between them, without those that are null."""
    # Not with null_handling="skip": that leaves out the rows where all of them are null.
    parts = [_within(",", it, "") for it in members]
    joined = pc.binary_join_element_wise(*parts, "", null_handling="replace")
    return pc.utf8_slice_codeunits(joined, 1)


def _within(before: str, texts: pa.Array, after: str) -> pa.Array:
    return pc.binary_join_element_wise(before, texts, after, "")


CONTENDERS = (
    Contender(
        "pyarrow-parquet",
        "parquet",
        "read_table, sort_by, per event json.read_json of the properties, MapArray.from_arrays of"
        " filtered columns, parquet.write_table(compression='zstd'): groups as maps of unions",
        ("pyarrow",),
        _write,
    ),
)
