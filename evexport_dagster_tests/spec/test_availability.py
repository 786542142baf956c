"""What is not available yet is said, never ignored."""

from __future__ import annotations

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.settings import Settings
from evexport_dagster.spec.availability import NOT_YET, gap_faults
from evexport_dagster.spec.load import parse_spec
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.spec.reading import parse_document
from evexport_dagster.spec.validate import known_keys
from evexport_dagster_tests.spec.conftest import FULL_SPEC, SPEC


def _gaps(text: str) -> list[str]:
    document = parse_document(text, "x.yaml")
    return [str(fault) for _, fault in gap_faults(document, "export")]


def test_every_gap_is_a_key_that_the_model_knows() -> None:
    document = parse_document(FULL_SPEC, "x.yaml")
    keys = known_keys(ExportSpec, (), document)
    assert {path[1] for path in NOT_YET if path[0] == "export"} <= set(keys)
    assert {path[0] for path in NOT_YET} <= {"export", "project"}


def test_each_use_of_a_gap_is_a_fault_with_what_is_available_instead() -> None:
    used = {fault.partition(" (line")[0]: fault.partition("): ")[2] for fault in _gaps(FULL_SPEC)}
    assert used == {
        f"x.yaml: {path[1]}": said
        for path, said in {
            ("export", "format"): "'parquet': not available yet (available: csv, json, xml)",
            ("export", "compression"): "'gzip': not available yet (available: default)",
            ("export", "pii"): "a mapping: not available yet",
            ("export", "late_events"): "a mapping: not available yet",
        }.items()
        if path in NOT_YET
    }


def test_defaults_that_are_written_out_are_available() -> None:
    text = f"{SPEC}type: events\ncompression: default\nmanifest: false\nlayout: clevertap\n"
    assert _gaps(text) == []


@pytest.mark.parametrize("said", ["type: profiles"])
def test_a_word_of_later_is_refused_when_a_spec_is_loaded(said: str, settings: Settings) -> None:
    with pytest.raises(SpecError, match="not available yet"):
        parse_spec(f"{SPEC}{said}\n", settings)
