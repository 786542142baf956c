"""Assets: one for each export.

An export is a graph of two ops: `deliver` plans, and the IO manager of its destination delivers
the plan; `done` has the asset's output, and never gives it. For Dagster would materialise every
key of the run a second time, with one metadata for all of them, and none where the run breaks off.
"""

import datetime as dt

import dagster as dg
from pydantic import Field

from evexport_dagster.defs.checks import check_specs
from evexport_dagster.defs.descriptions import description
from evexport_dagster.defs.display import add_events, repair
from evexport_dagster.defs.freshness import freshness_policy
from evexport_dagster.defs.instance import POOL
from evexport_dagster.defs.io_managers import Batch, ExportIOManager
from evexport_dagster.defs.metadata import asset_key, code_version
from evexport_dagster.defs.partitions import first_day_shown, partitions_of, tasks_of
from evexport_dagster.defs.resources import PLAIN, Keys
from evexport_dagster.defs.runs import begin, planned_window
from evexport_dagster.defs.selection import graph_name
from evexport_dagster.errors import RefusedError
from evexport_dagster.exports import ExportJob, Project

TAKE_TAG = "evexport/take"
TAKE_MISSING = "missing"
_OUTPUT = "files"


class Selection(dg.Config):
    """Which partitions a run takes, where it is not told by Dagster's own selection."""

    keys: list[str] = Field([], description="Partition keys, each `event|window`.")


def export_asset(
    project: Project, job: ExportJob, today: dt.date, keys: Keys = PLAIN
) -> dg.AssetsDefinition:
    """The asset of an export; `today` is a day of the account, and decides the horizon."""
    spec = job.spec
    checks = [check.get_python_identifier() for check in check_specs(job)]
    events = len(project.events(job.name))
    deliver, done = _deliver_op(job, keys), _done_op(job, checks)

    @dg.graph(name=graph_name(job), out={name: dg.GraphOut() for name in (_OUTPUT, *checks)})
    def export():  # type: ignore[no-untyped-def]
        outputs = done.alias("done")(deliver.alias("deliver")())
        return {name: getattr(outputs, name) for name in (_OUTPUT, *checks)}

    assets = dg.AssetsDefinition.from_graph(
        export,
        keys_by_output_name={_OUTPUT: asset_key(job.name)},
        partitions_def=partitions_of(job, events, today),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=check_specs(job),
    )
    shown = {
        "partner": job.destination.type,
        "type": spec.type,
        "format": spec.format,
        "frequency": f"{job.cadence}h" if job.kind == "recurring" else "once",
    }
    return assets.map_asset_specs(
        lambda asset: asset.replace_attributes(
            description=description(project, job, first_day_shown(job, events, today)),
            group_name=spec.type,
            code_version=code_version(job, project.settings),
            owners=list(spec.owners),
            tags={**spec.tags, **shown},
            kinds={"duckdb", spec.format, *({job.destination.type} - {"local"})},
            freshness_policy=freshness_policy(project, job),
        )
    )


def _deliver_op(job: ExportJob, keys: Keys) -> dg.OpDefinition:
    manager_key = keys.io_manager(job)

    @dg.op(
        name=f"deliver__{job.name}",
        description="Plans the windows of the selected partitions; its IO manager delivers them.",
        required_resource_keys={keys.project, manager_key},
        out=dg.Out(Batch, io_manager_key=manager_key),
        pool=POOL,
    )
    def deliver(context: dg.OpExecutionContext, config: Selection) -> Batch:
        opened = keys.opened(context.resources)
        begin(context.instance, context.run)
        manager: ExportIOManager = getattr(context.resources, manager_key)
        repair(opened, job, manager.root(job), context.instance)
        window = planned_window(job, context.run)
        if window is not None:
            tasks = opened.unattended.rest_of(job.name, window, context.run_id)
        else:
            opened.ensure_current(job.name)
            again = context.run.tags.get(TAKE_TAG) != TAKE_MISSING
            tasks = tasks_of(job, _selected(context, config), again=again)
        add_events(opened, job, context.instance)
        return Batch(job, tasks)

    return deliver


def _done_op(job: ExportJob, checks: list[str]) -> dg.OpDefinition:
    @dg.op(
        name=f"done__{job.name}",
        description="Every delivery is recorded and shown already.",
        ins={"delivered": dg.In(dg.Nothing)},
        out={name: dg.Out(dg.Nothing, is_required=False) for name in (_OUTPUT, *checks)},
    )
    def done():  # type: ignore[no-untyped-def]
        yield from ()

    return done


def _selected(context: dg.OpExecutionContext, config: Selection) -> list[str]:
    if config.keys:
        return config.keys
    if not context.has_partition_key and not context.has_partition_key_range:
        raise RefusedError("no partition is selected: choose the windows and events to deliver")
    keys = list(context.partition_keys)
    if not keys:
        raise RefusedError("the selected range is empty: its end comes before its start")
    return keys
