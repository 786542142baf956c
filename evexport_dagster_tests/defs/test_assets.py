from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from evexport_dagster.definitions import definitions
from evexport_dagster.defs.assets import TAKE_TAG
from evexport_dagster.errors import RefusedError
from evexport_dagster.exports import Project, load_project
from evexport_dagster.ledger import Receipt

from .conftest import DAY
from .materialized import check_results, materialized_keys

PURCHASES = dg.AssetKey(["exports", "purchases"])


def materialize(
    folder: Path, instance: dg.DagsterInstance, tags: dict[str, str], **options: object
) -> dg.ExecuteInProcessResult:
    """What the UI does: a run of the asset's job, told by tags what to take."""
    job = definitions(folder).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=[PURCHASES], tags=tags, raise_on_error=True
    )


def rectangle(first: str, last: str) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def test_a_range_is_the_rectangle_between_its_corners(
    project: Project, folder: Path, instance: dg.DagsterInstance
) -> None:
    corners = rectangle(f"Charged|{DAY}-00:00", f"Product Viewed|{DAY}-16:00")
    result = materialize(folder, instance, corners)
    keys = {
        f"{event}|{DAY}-{hour}:00"
        for event in ("Charged", "Product Viewed")
        for hour in ("00", "08", "16")
    }
    assert materialized_keys(instance, "purchases") == dict.fromkeys(keys, 1)
    assert check_results(result) == {
        "rows_delivered_equal_rows_in_source": True,
        "columns_as_locked": True,
    }
    planned = result.events_for_node("exports__purchases.deliver")
    assert planned
    delivered = {path.parent.name for path in (folder / "out").rglob("*.csv.gz")}
    assert delivered == {"Charged", "Product-Viewed"}

    # A person's run delivers again; one that takes what is missing does not.
    materialize(folder, instance, {**corners, TAKE_TAG: "missing"})
    assert set(materialized_keys(instance, "purchases").values()) == {1}
    materialize(folder, instance, corners)
    assert set(materialized_keys(instance, "purchases").values()) == {2}
    receipts: list[Receipt] = list(project.show("purchases").receipts)
    assert len({it.run_id for it in receipts}) == 1


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (rectangle(f"Charged|{DAY}-16:00", f"Charged|{DAY}-00:00"), "empty"),
        ({}, "no partition is selected"),
    ],
    ids=["reversed", "none"],
)
def test_a_selection_of_nothing_is_refused(
    folder: Path, forgetting: dg.DagsterInstance, tags: dict[str, str], said: str
) -> None:
    with pytest.raises(RefusedError, match=said):
        materialize(folder, forgetting, tags)


def test_a_window_that_has_not_ended_is_refused(
    project: Project, folder: Path, forgetting: dg.DagsterInstance
) -> None:
    partitions = definitions(folder).resolve_assets_def(PURCHASES).partitions_def
    assert isinstance(partitions, dg.MultiPartitionsDefinition)
    last = partitions.get_partition_keys()[-1]
    with pytest.raises(RefusedError, match="not ended"):
        materialize(folder, forgetting, {"dagster/partition": last})
    assert project.missing("purchases")


def test_what_an_asset_says_of_itself(folder: Path) -> None:
    asset = definitions(folder).resolve_assets_def(PURCHASES)
    (spec,) = asset.specs
    with load_project(folder) as project:
        fingerprint = project.ensure_current("purchases").revision.fingerprint
    assert spec.group_name == "events"
    assert spec.code_version == fingerprint
    assert spec.kinds == {"duckdb", "csv"}
    assert list(spec.owners) == ["data@example.com", "team:finance"]
    assert {key: value for key, value in spec.tags.items() if "/" not in key} == {
        "domain": "finance",
        "partner": "local",
        "type": "events",
        "format": "csv",
        "frequency": "8h",
    }
    assert asset.backfill_policy == dg.BackfillPolicy.single_run()
    said = spec.description or ""
    for words in (
        "What led to a purchase",
        "**What is exported:** 4 events: `App Launched`, `Charged`, `Product Viewed`,",
        "**When:** every 8 hours (time of Pacific/Honolulu), since 2026-06-14.",
        f"the folder `{folder / 'out'}`, as CSV files",
        "press *Materialize*, choose the windows and the events",
        "nothing is doubled",
        "Made from `exports/purchases.yaml`.",
    ):
        assert words in said
    assert "Not created yet" in said
    assert isinstance(spec.freshness_policy, dg.FreshnessPolicy)


def test_an_asset_says_how_older_windows_are_delivered_again(folder: Path) -> None:
    assert "are not shown here" not in said_by(folder)
    names = ", ".join(f"Event {number}" for number in range(512))
    spec = (folder / "exports" / "purchases.yaml").read_text()
    spec = spec.replace("App Launched, Charged", f"App Launched, Charged, {names}")
    spec = spec.replace("every: 8h", "every: 4h").replace("start: 2026-06-14", "start: 2024-01-01")
    spec = spec.replace("from: 2026-06-12, to: 2026-06-13", "from: 2023-12-01, to: 2023-12-31")
    (folder / "exports" / "purchases.yaml").write_text(spec)
    said = said_by(folder)
    assert "are not shown here: `evexport run purchases --from 2024-01-01 --to 2024-01-02`" in said


def test_an_asset_says_what_has_become_of_its_export(folder: Path) -> None:
    with load_project(folder) as project:
        (created, _) = project.create("purchases")
    assert f"`App-Launched/App-Launched-2026-06-14-1517477760-{created.export_id}-" in said_by(
        folder
    )
    with load_project(folder) as project:
        project.stop("purchases")
    (spec,) = definitions(folder).resolve_assets_def(PURCHASES).specs
    assert "**Stopped for ever**" in (spec.description or "")
    assert spec.freshness_policy is None


def said_by(folder: Path) -> str:
    (spec,) = definitions(folder).resolve_assets_def(PURCHASES).specs
    return spec.description or ""


def test_exports_share_a_pool(folder: Path) -> None:
    definitions_ = definitions(folder)
    nodes = [
        node
        for name in ("purchases", "purchases_history", "everything")
        for node in definitions_.resolve_assets_def(
            dg.AssetKey(["exports", name])
        ).node_def.iterate_node_defs()
        if isinstance(node, dg.OpDefinition) and node.name.startswith("deliver")
    ]
    assert {node.pool for node in nodes} == {"exports"}
    assert len(nodes) == 3
