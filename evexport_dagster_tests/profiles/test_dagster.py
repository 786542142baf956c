"""Exports of profiles as Dagster and the command line run them: their partitions are windows."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from evexport_dagster.definitions import definitions
from evexport_dagster.defs.resources import resources
from evexport_dagster_tests.cli.conftest import run_cli
from evexport_dagster_tests.defs.materialized import check_results, materializations
from evexport_dagster_tests.handmade import DAY, Handmade, at, one_time
from evexport_dagster_tests.profiles.people import consumed, people, profile, spec

PEOPLE = dg.AssetKey(["exports", "people"])


@pytest.fixture
def made(home: Handmade) -> Handmade:
    """A daily series of two profiles whose real clock is long past its first windows."""
    people(home, [profile("a", at(-3), n=1), profile("b", at(1, 2), n=1)])
    spec(home, tombstones=True)
    home.configure(history_limit="36500d")
    return home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as opened:
        yield opened


def test_an_asset_is_partitioned_by_windows_alone(
    made: Handmade, instance: dg.DagsterInstance
) -> None:
    asset = definitions(made.folder).resolve_assets_def(PEOPLE)
    assert isinstance(asset.partitions_def, dg.TimeWindowPartitionsDefinition)
    assert asset.partitions_def.get_partition_keys()[:2] == ["2026-06-14-00:00", "2026-06-15-00:00"]
    ((described,), group) = (asset.specs, "profiles")
    assert (described.group_name, described.tags["type"]) == (group, group)
    assert "the profiles of all users, then those that changed" in str(described.description)
    job = definitions(made.folder).resolve_implicit_global_asset_job_def()
    for key in ("2026-06-14-00:00", "2026-06-15-00:00"):
        run = job.execute_in_process(instance=instance, asset_selection=[PEOPLE], partition_key=key)
        assert check_results(run) == {
            "rows_delivered_equal_rows_in_source": True,
            "columns_as_locked": True,
        }
    shown = materializations(instance, "people")
    assert [it.partition for it in shown] == ["2026-06-14-00:00", "2026-06-15-00:00"]
    assert [it.metadata["dagster/row_count"].value for it in shown] == [2, 1]
    assert "first event" not in shown[0].metadata
    assert consumed(made) == {"a": {"n": 1}, "b": {"n": 1}}


def test_a_backfill_of_a_range_is_one_run_in_order(
    made: Handmade, instance: dg.DagsterInstance
) -> None:
    job = definitions(made.folder).resolve_implicit_global_asset_job_def()
    tags = {
        "dagster/asset_partition_range_start": "2026-06-14-00:00",
        "dagster/asset_partition_range_end": "2026-06-16-00:00",
    }
    job.execute_in_process(instance=instance, asset_selection=[PEOPLE], tags=tags)
    with made.open() as project:
        found = {it.window_start: it.rows for it in project.show("people").receipts}
    assert found == {at(0): 2, at(1): 1, at(2): 0}


def test_the_planner_asks_for_one_window_after_the_other(
    made: Handmade, instance: dg.DagsterInstance
) -> None:
    repository = definitions(made.folder).get_repository_def()
    made.now = at(2, 1)
    with made.open() as project:
        project.create("people")
        for window in (at(0), at(1)):
            with dg.build_sensor_context(
                instance=instance, resources=resources(project), repository_def=repository
            ) as context:
                data = repository.get_sensor_def("planner").evaluate_tick(context)
            (request,) = data.run_requests or ()
            assert request.tags["dagster/partition"] == f"{window:%Y-%m-%d}-00:00"
            project.run("people", from_=window, to=window.replace(hour=12))


def test_the_command_line_runs_a_series_and_an_export_of_once(made: Handmade) -> None:
    place = ("--project", made.folder, "--json")
    first = run_cli("run", "people", "--from", "2026-06-14", "--to", "2026-06-15", *place)
    assert first.code == 0, first.err
    (delivery,) = first.document["deliveries"]
    assert (delivery["event"], delivery["rows"]) == ("profiles", 2)
    people(made, [profile("b", at(1, 3), n=2)])
    second = run_cli("run", "people", "--from", "2026-06-15", "--to", "2026-06-16", *place)
    assert second.document["deliveries"][0]["rows"] == 2
    assert consumed(made) == {"b": {"n": 2}}
    shown = run_cli("show", "people", "--project", made.folder)
    assert shown.code == 0, shown.err
    spec(made, "once", schedule=one_time("2026-06-10", "2026-06-13"))
    refused = run_cli("run", "once", *place)
    assert refused.code == 2
    assert "evexport stop people" in refused.err
    assert run_cli("stop", "people", *place).code == 0
    done = run_cli("run", "once", *place)
    assert done.document["status"] == "Done"
    assert done.document["deliveries"][0]["rows"] == 1
    listed = run_cli("list", *place).document["exports"]
    (checked,) = [it for it in listed if "once" in it.values()]
    assert checked["type"] == "profiles"


def test_a_preview_shows_what_the_first_window_has(made: Handmade) -> None:
    made.now = at(3, 1)
    with made.open() as project:
        preview = project.preview("people", rows=1)
        assert [(it.event, it.rows) for it in preview.deliveries] == [("profiles", 2)]
        assert preview.provisional
        assert preview.columns["profiles"] == ("deleted", "identity", "clevertapId", "Email", "n")
        assert len(preview.records["profiles"]) == 1
        assert not made.tree()
        project.run("people", from_=DAY, to=at(1))
        later = project.preview("people", window_start=at(1))
        assert [it.rows for it in later.deliveries] == [1]
        (check,) = [it for it in project.check("people") if it.subject == "source"]
        assert check.message == "source 'lake' can be read: 2 profiles"
