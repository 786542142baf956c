from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import evexport_dagster
from evexport_dagster.definitions import definitions
from evexport_dagster.errors import SpecError

REPOSITORY = Path(evexport_dagster.__file__).parents[1]
CHECKS = {"columns_as_locked", "rows_delivered_equal_rows_in_source"}


def groups(defs: dg.Definitions) -> dict[str, str | None]:
    return {spec.key.to_user_string(): spec.group_name for spec in defs.resolve_all_asset_specs()}


def test_a_project_is_a_code_location(folder: Path) -> None:
    defs = definitions(folder)
    dg.Definitions.validate_loadable(defs)
    assert groups(defs) == {
        "exports/everything": "events",
        "exports/purchases": "events",
        "exports/purchases_history": "events",
    }
    repository = defs.get_repository_def()
    assert [sensor.name for sensor in repository.sensor_defs] == ["catalog", "planner"]
    assert repository.schedule_defs == []
    keys = repository.asset_graph.asset_check_keys
    assert {(key.asset_key.path[-1], key.name) for key in keys} == {
        (name, check)
        for name in ("everything", "purchases", "purchases_history")
        for check in CHECKS
    }
    dimensions = {
        name: {
            it.name: type(it.partitions_def).__name__
            for it in _partitions(defs, name).partitions_defs
        }
        for name in ("purchases", "everything")
    }
    assert dimensions == {
        "purchases": {
            "event": "StaticPartitionsDefinition",
            "window": "TimeWindowPartitionsDefinition",
        },
        "everything": {
            "event": "DynamicPartitionsDefinition",
            "window": "TimeWindowPartitionsDefinition",
        },
    }


def test_a_wrong_file_is_an_asset_that_says_why(
    folder: Path, forgetting: dg.DagsterInstance
) -> None:
    file = folder / "exports" / "no good.v2.yaml"
    file.write_text("name: broken\nformat: csvv\n")
    (folder / "exports" / "everything.yaml").unlink()
    (folder / "exports" / "purchases_history.yaml").write_text("[]")
    defs = definitions(folder)
    dg.Definitions.validate_loadable(defs)
    assert groups(defs) == {
        "exports/no_good.v2_0": "broken",
        "exports/purchases": "events",
        "exports/purchases_history": "events",
        "exports/purchases_history.yaml": "broken",
    }
    key = dg.AssetKey(["exports", "no_good.v2_0"])
    (spec,) = defs.resolve_assets_def(key).specs
    assert "csvv" in (spec.description or "")

    job = defs.resolve_implicit_global_asset_job_def()
    with pytest.raises(SpecError, match="csvv"):
        job.execute_in_process(instance=forgetting, asset_selection=[key])
    (check,) = defs.resolve_asset_graph().get_check_keys_for_assets({key})
    failed = dg.materialize(
        [it for it in defs.asset_checks or () if isinstance(it, dg.AssetChecksDefinition)],
        selection=dg.AssetSelection.checks(check),
        instance=forgetting,
    )
    (evaluation,) = failed.get_asset_check_evaluations()
    assert not evaluation.passed
    assert "csvv" in " ".join(str(it.value) for it in evaluation.metadata.values())


def test_a_wrong_project_is_one_broken_asset(folder: Path) -> None:
    (folder / "evexport.yaml").write_text("account: {id: 7}")
    defs = definitions(folder)
    assert groups(defs) == {"exports/evexport.yaml": "broken"}
    (spec,) = defs.resolve_all_asset_specs()
    assert "sources" in (spec.description or "")


@pytest.mark.parametrize("by", ["environment", "folder"])
def test_the_module_loads_the_project_it_is_shown(folder: Path, by: str) -> None:
    script = (
        "from evexport_dagster.definitions import defs\n"
        "print(len(list(defs.resolve_all_asset_specs())))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    if by == "environment":
        environment["EVEXPORT_PROJECT"] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder if by == "folder" else folder.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3\n"
    assert not (folder / ".evexport").exists()


def _partitions(defs: dg.Definitions, name: str) -> dg.MultiPartitionsDefinition:
    partitions = defs.resolve_assets_def(dg.AssetKey(["exports", name])).partitions_def
    assert isinstance(partitions, dg.MultiPartitionsDefinition)
    return partitions
