"""Exports as components of somebody's own Dagster project: the one in the documentation."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import traceback
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

import evexport_dagster
from evexport_dagster.exports import load_project
from evexport_dagster.sample import make_lake

from .materialized import check_results

# Dagster warns of what it does itself with the definitions of a folder.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `execution_type`")

ROOT = Path(evexport_dagster.__file__).parents[1]
PURCHASES = dg.AssetKey(["exports", "purchases"])


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the documentation, with a lake."""
    home = tmp_path_factory.mktemp("own") / "acme"
    shutil.copytree(ROOT / "docs" / "component", home)
    make_lake(
        home / "lake", events=400, first_day=date(2026, 11, 1), days=1, zone="America/New_York"
    )
    return home


@pytest.fixture
def own(documented: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, for one test."""
    home = Path(shutil.copytree(documented, tmp_path / "acme"))
    for name in [it for it in sys.modules if it.partition(".")[0] == "acme_data"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(home / "src")
    monkeypatch.chdir(home)
    return home


def loaded(home: Path) -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=home / "src" / "acme_data")


@pytest.fixture
def forgetting() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def test_the_documented_project_delivers(own: Path, forgetting: dg.DagsterInstance) -> None:
    defs = loaded(own)
    dg.Definitions.validate_loadable(defs)
    assert {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()} == {
        "exports/launches",
        "exports/purchases",
        "revenue",
    }
    names = [sensor.name for sensor in defs.get_repository_def().sensor_defs]
    assert sorted(names) == [
        f"{kind}__{export}"
        for kind in ("catalog", "planner")
        for export in ("launches", "purchases")
    ]
    windows = ("2026-11-01-00:00", "2026-11-01-20:00")
    corners = {
        "dagster/asset_partition_range_start": f"App Launched|{windows[0]}",
        "dagster/asset_partition_range_end": f"Charged|{windows[1]}",
    }
    job = defs.resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(
        instance=forgetting, asset_selection=[PURCHASES], tags=corners, raise_on_error=True
    )
    assert check_results(run) == dict.fromkeys(check_results(run), True)
    files = sorted((own / "out").rglob("Charged/*/*.json.gz"))
    assert {file.parent.name for file in files} <= {"2026-11-01", "2026-11-02"}
    texts = [gzip.decompress(file.read_bytes()).decode() for file in files]
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    assert rows
    revenue = job.execute_in_process(
        instance=forgetting, asset_selection=[dg.AssetKey("revenue")], raise_on_error=True
    )
    (made,) = revenue.asset_materializations_for_node("revenue")
    paid = sum(row["eventProps"].get("Amount", 0) for row in rows)
    assert made.metadata["revenue"].value == pytest.approx(paid)


def test_the_commands_know_exports_that_are_components(own: Path) -> None:
    with load_project(own / "src" / "acme_data" / "defs") as project:
        assert [row.name for row in project.list()] == ["launches", "purchases"]
        project.create("purchases")
    file = own / "src" / "acme_data" / "defs" / "exports" / "purchases" / "defs.yaml"
    file.write_text(file.read_text().replace("[Email]", "[Email, Phone]"))
    with load_project(own / "src" / "acme_data" / "defs") as project:
        edited = project.edit("purchases")
    assert edited.difference == ("user_properties[1]: not set -> 'Phone'",)


def test_a_wrong_component_is_an_asset_that_says_why(own: Path) -> None:
    file = own / "src" / "acme_data" / "defs" / "exports" / "launches" / "defs.yaml"
    file.write_text(file.read_text().replace("csv", "excel"))
    specs = {it.key.path[-1]: it for it in loaded(own).resolve_all_asset_specs()}
    assert specs["launches"].group_name == "broken"
    assert "'excel'" in (specs["launches"].description or "")
    assert specs["purchases"].group_name == "events"
    with load_project(own / "src" / "acme_data" / "defs") as project:
        assert "format (line 7): 'excel'" in str(project.broken["launches"])


def test_an_unknown_key_is_told_by_dagster_itself(own: Path) -> None:
    file = own / "src" / "acme_data" / "defs" / "exports" / "launches" / "defs.yaml"
    file.write_text(file.read_text() + "  colour: red\n")
    with pytest.raises(Exception, match="launches") as raised:
        loaded(own)
    assert "colour" in "".join(traceback.format_exception(raised.value))


def test_the_component_is_found_by_its_name() -> None:
    component = evexport_dagster.EventExport
    assert issubclass(component, dg.Component)
    assert "EventExport" in dir(evexport_dagster)
    assert "project" in component.get_model_cls().model_fields
    with pytest.raises(AttributeError, match="Nothing"):
        _ = evexport_dagster.Nothing
