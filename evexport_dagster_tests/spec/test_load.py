"""Files of a project: what is loaded, what is broken, and what authors are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.settings import Settings, load_settings
from evexport_dagster.spec.load import load_spec, load_specs, parse_spec
from evexport_dagster_tests.spec.conftest import SPEC, write_project


def test_one_broken_file_leaves_the_others_loaded(tmp_path: Path) -> None:
    other = SPEC.replace("purchases", "other")
    write_project(tmp_path, good=SPEC, bad="name: [", worse="name: 3\n", other=other)
    specs, broken = load_specs(tmp_path, load_settings(tmp_path))
    assert sorted(specs) == ["other", "purchases"]
    assert sorted(broken) == ["bad", "worse"]
    assert "exports/bad.yaml: line 1, column 8" in str(broken["bad"])
    assert specs["purchases"].path == tmp_path / "exports" / "good.yaml"


def test_files_with_one_name_are_refused_and_named(tmp_path: Path) -> None:
    write_project(tmp_path, a=SPEC, b=SPEC, c=SPEC.replace("purchases", "other"))
    specs, broken = load_specs(tmp_path, load_settings(tmp_path))
    assert list(specs) == ["other"]
    assert sorted(broken) == ["a", "b"]
    assert str(broken["a"].faults[0]) == (
        "exports/a.yaml: name: 'purchases': expected a name of its own; exports/b.yaml has it too"
    )


def test_either_ending_of_a_file_is_read(tmp_path: Path) -> None:
    write_project(tmp_path, a=SPEC)
    (tmp_path / "exports" / "b.yml").write_text(SPEC.replace("purchases", "other"))
    (tmp_path / "exports" / "a.yml").write_text("")
    (tmp_path / "exports" / "notes.txt").write_text("no export")
    specs, broken = load_specs(tmp_path, load_settings(tmp_path))
    assert sorted(specs) == ["other", "purchases"]
    assert list(broken) == ["a"]


def test_a_project_without_exports_has_none(tmp_path: Path) -> None:
    (write_project(tmp_path) / "exports").rmdir()
    assert load_specs(tmp_path, load_settings(tmp_path)) == ({}, {})


def test_a_spec_that_is_not_there_is_a_spec_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.yaml: cannot be read"):
        load_spec(tmp_path / "none.yaml", settings)


def test_a_gap_between_history_and_start_is_a_warning(settings: Settings) -> None:
    history = "start: 2026-06-14, history: {from: 2026-06-01, to: 2026-06-10}"
    loaded = parse_spec(SPEC.replace("start: 2026-06-14", history), settings, "x.yaml")
    assert [str(warning) for warning in loaded.warnings] == [
        (
            "x.yaml: schedule.recurring.history.to (line 6): 2026-06-10: "
            "3 days are exported neither as history nor after the start, 2026-06-14"
        )
    ]


@pytest.mark.parametrize("last", ["history: {from: 2026-06-01, to: 2026-06-13}", None])
def test_without_a_gap_there_is_no_warning(settings: Settings, last: str | None) -> None:
    text = SPEC.replace("start: 2026-06-14", f"start: 2026-06-14, {last}") if last else SPEC
    assert parse_spec(text, settings).warnings == ()


def test_a_sum_of_faults_reads_well(settings: Settings) -> None:
    text = SPEC.replace("csv", "cvs").replace("lake", "lak")
    with pytest.raises(SpecError) as caught:
        parse_spec(text, settings, "exports/x.yaml")
    assert str(caught.value) == (
        "exports/x.yaml has 2 faults\n"
        "  exports/x.yaml: source (line 2): 'lak': expected the name of a source in evexport.yaml;"
        " did you mean 'lake'?\n"
        "  exports/x.yaml: format (line 4): 'cvs': expected one of csv, json, xml, parquet;"
        " did you mean 'csv'?"
    )
