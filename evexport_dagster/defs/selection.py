"""How a run is told what to deliver: as the UI would tell it wherever that says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import dagster as dg

from evexport_dagster.defs.partitions import EVENT, partition_key
from evexport_dagster.exports import ExportJob, Task

RANGE_START: Final = "dagster/asset_partition_range_start"
RANGE_END: Final = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Selection:
    """The partition, tags and configuration of ops of a run that takes exactly one task."""

    partition_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    ops: Mapping[str, Any] = field(default_factory=dict)


def graph_name(job: ExportJob) -> str:
    """The name of an export's step in a run."""
    return f"exports__{job.name}"


def selection(
    job: ExportJob,
    task: Task,
    partitions: dg.PartitionsDefinition[str],
    instance: dg.DagsterInstance,
) -> Selection:
    """How a run is told to take exactly the events of one window.

    As one key or a range where that says it, as the UI does; else, for events that do not follow
    each other or windows beyond the horizon, in the configuration of the op.
    """
    keys = [partition_key(job, task.window, event) for event in task.events]
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        if not isinstance(partitions, dg.MultiPartitionsDefinition):
            (key,) = keys
            shown = partitions.has_partition_key(key)
            return Selection(partition_key=key) if shown else Selection(ops=_only(job, keys))
        events = partitions.get_partitions_def_for_dimension(EVENT).get_partition_keys()
        shown = all(map(partitions.has_partition_key, keys))
    number = {event: place for place, event in enumerate(events)}
    places = {number[_event_of(key)]: str(key) for key in keys if shown}
    first, last = min(places, default=0), max(places, default=0)
    if not shown or last - first + 1 != len(keys):
        return Selection(ops=_only(job, keys))
    if len(keys) == 1:
        return Selection(partition_key=places[first])
    return Selection(tags={RANGE_START: places[first], RANGE_END: places[last]})


def _event_of(key: str) -> str:
    assert isinstance(key, dg.MultiPartitionKey)
    return key.keys_by_dimension[EVENT]


def _only(job: ExportJob, keys: Sequence[str]) -> dict[str, Any]:
    chosen = {"config": {"keys": [str(key) for key in keys]}}
    return {"ops": {graph_name(job): {"ops": {"deliver": chosen}}}}
