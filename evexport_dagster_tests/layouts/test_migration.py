"""What `evexport diff-layout` tells a consumer of legacy files, on real rows."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from evexport_dagster.errors import RefusedError
from evexport_dagster.exports import load_project
from evexport_dagster_tests.cli.conftest import run_cli
from evexport_dagster_tests.layouts import expected
from evexport_dagster_tests.layouts.lakes import NAME, NOW, ZONE, make, write


def shown(folder: Path) -> Any:
    ran = run_cli("diff-layout", NAME, "--project", folder, "--json")
    assert ran.code == 0, ran.err
    said = run_cli("diff-layout", NAME, "--project", folder)
    assert said.code == 0, said.err
    assert "profile.objectId" in said.out
    assert not (folder / "out").exists()
    return ran.document


def _is_of_session(field: str) -> bool:
    return field.startswith(("sessionProps.", "sessionproperties."))


def _fields(event: Any) -> dict[str, str | None]:
    return {it["legacy"]: it["now"] for it in event["fields"]}


@pytest.mark.parametrize("layout", ["clevertap", "legacy"])
def test_fields_types_and_values_are_told(tmp_path: Path, layout: str) -> None:
    lake = make(21, 90)
    asked: dict[str, Any] = {"device": ["platform", "dpi"]} if layout == "clevertap" else {}
    write(lake, tmp_path, {"layout": layout, "format": "json", **asked})
    document = shown(tmp_path)
    start = min(row.event.event_time for row in lake.rows).astimezone(ZONE).date()
    told: Counter[tuple[str, str]] = Counter()
    for event in document["events"].values():
        fields = {it["legacy"]: it for it in event["fields"]}
        assert fields["ts"]["now"] == "eventTime"
        assert fields["ts"]["types"] == {"legacy": "number", "now": "text"}
        assert fields["profile.objectId"]["now"] == "identity.clevertapId"
        assert fields["deviceInfo.dpi"]["now"] == "deviceInfo.dpi"
        made = "deviceInfo.make" if layout == "legacy" else None
        assert fields["deviceInfo.make"]["now"] == made
        assert set(fields) >= {f"profile.{it}" for it in expected.PROFILE}
        assert {it["now"] for it in fields.values() if _is_of_session(it["legacy"])} <= {None}
        for value in event["values"]:
            told[value["legacy"], value["now"]] += value["rows"]
    wanted: Counter[tuple[str, str]] = Counter()
    for row in lake.rows:
        now = expected.members(row.event.event_props).get("Campaign type")
        then = expected.legacy(row, lake, []).get(("eventProps", "Campaign type"))
        if row.event.event_time.astimezone(ZONE).date() == start and then != now:
            wanted[str(then), str(now)] += 1
    assert told == wanted
    assert wanted
    assert any(map(_is_of_session, chain(*(_fields(it) for it in document["events"].values()))))


def test_csv_is_told_by_its_headers(tmp_path: Path) -> None:
    write(make(22, 60), tmp_path, {"format": "csv", "events": {"select": ["a/b"]}})
    (event,) = shown(tmp_path)["events"].values()
    fields = _fields(event)
    assert fields["profile.objectId"] == "clevertapId"
    assert fields["eventproperties.Campaign type"] == "Campaign type"
    assert fields["sessionproperties.utm_source"] is None
    assert set(fields) <= set(event["columns"]["legacy"])
    assert {it for it in fields.values() if it} <= set(event["columns"]["now"])


def test_other_layouts_have_nothing_to_tell(tmp_path: Path) -> None:
    write(make(23, 5), tmp_path, {"layout": "infobip", "format": "json"})
    with (
        load_project(tmp_path, clock=lambda: NOW) as project,
        pytest.raises(RefusedError, match="infobip"),
    ):
        project.diff_layout(NAME)
