"""What an instance shows of an export."""

from __future__ import annotations

from collections import Counter

import dagster as dg


def materializations(instance: dg.DagsterInstance, name: str) -> list[dg.AssetMaterialization]:
    """The materialisations of an export, the first one first."""
    key = dg.AssetKey(["exports", name])
    records = instance.fetch_materializations(key, limit=1000, ascending=True).records
    return [it.asset_materialization for it in records if it.asset_materialization]


def materialized_keys(instance: dg.DagsterInstance, name: str) -> Counter[str]:
    """How often each partition key of an export was materialised."""
    return Counter(str(it.partition) for it in materializations(instance, name))


def check_results(run: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Which checks of a run passed."""
    return {it.check_name: it.passed for it in run.get_asset_check_evaluations()}
