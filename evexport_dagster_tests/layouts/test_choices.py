"""What specs may say beside a layout, how its files are cut, and what the rest of the house makes
of it."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest

from evexport_dagster.defs.partitions import partition_key, partitions_of
from evexport_dagster.errors import RevisionError, SpecError
from evexport_dagster.formats import files
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster.layouts import LAYOUTS, LEGACY
from evexport_dagster.naming import Naming, Reach, could_meet
from evexport_dagster.settings import Settings
from evexport_dagster.spec.load import parse_spec
from evexport_dagster.spec.model import Layout
from evexport_dagster.spool import Spool, SpoolFile
from evexport_dagster_tests.handmade import Handmade, at, event, home
from evexport_dagster_tests.spec.conftest import SPEC, settings

__all__ = ["home", "settings"]

JSON_SPEC = SPEC.replace("csv", "json")
UNFIT = {
    "legacy": (
        "file_name: {template: a}",
        "timestamp: datetime",
        "user_properties: [Email]",
        "device: [make]",
        "comm_prefs: [MSG-sms]",
        "identity: {preference: all}",
        "identity: {all_identities: false}",
        "identity: {clevertap_id: false}",
    ),
    "infobip": (
        "file_name: {template: a}",
        "timestamp: epoch",
        "user_properties: [Email]",
        "device: [make]",
        "comm_prefs: [MSG-sms]",
        "identity: {preference: all}",
        "identity: {all_identities: true}",
        "identity: {clevertap_id: false}",
        "folder: event_name",
        'folder: {template: "a/{{event-name}}"}',
        'folder: {template: "{{instance-id}}"}',
    ),
}


def test_every_layout_has_its_word() -> None:
    assert tuple(LAYOUTS) == get_args(Layout)


@pytest.mark.parametrize(
    ("layout", "said"), [(layout, said) for layout, every in UNFIT.items() for said in every]
)
def test_what_a_layout_cannot_honour_is_refused(layout: str, said: str, settings: Settings) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(f"{JSON_SPEC}layout: {layout}\n{said}\n", settings)
    (fault,) = caught.value.faults
    assert f"layout {layout!r}" in fault.allowed
    assert fault.where.partition(": ")[2].startswith(said.partition(":")[0])


@pytest.mark.parametrize("layout", ["legacy", "infobip"])
def test_profiles_have_no_other_layout(layout: str, settings: Settings) -> None:
    text = JSON_SPEC.replace("events: {select: [Charged, App Launched]}", "type: profiles")
    assert "type: profiles" in text
    with pytest.raises(SpecError) as caught:
        parse_spec(f"{text}layout: {layout}\ndevice: [make]\n", settings)
    (fault,) = caught.value.faults
    assert fault.where.partition(": ")[2].startswith("layout")
    assert "leave this out" in fault.allowed


def test_infobip_is_json_of_one_series(settings: Settings) -> None:
    with pytest.raises(SpecError, match="can only do json"):
        parse_spec(f"{SPEC}layout: infobip\n", settings)
    each = JSON_SPEC.replace("App Launched]", "App Launched], each: {Charged: {as: Paid}}")
    with pytest.raises(SpecError, match=r"events\.each"):
        parse_spec(f"{each}layout: infobip\n", settings)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_agrees_with_a_layout_may_be_said(layout: str, settings: Settings) -> None:
    said = {"legacy": "identity: {all_identities: true}", "infobip": "timestamp: datetime"}
    text = f"{JSON_SPEC}layout: {layout}\nuser_properties: []\n{said.get(layout, '')}\n"
    spec = parse_spec(text, settings).spec
    assert spec.layout == layout
    assert spec.extension == "json.gz"
    parquet = parse_spec(f"{SPEC.replace('csv', 'parquet')}layout: legacy\n", settings).spec
    assert parquet.extension == "parquet.gz"


def test_a_layout_never_changes(home: Handmade) -> None:
    home.spec()
    home.run()
    home.spec(layout="legacy")
    with home.open() as project, pytest.raises(RevisionError, match="layout"):
        project.edit("purchases")


@pytest.mark.parametrize("layout", ["legacy", "infobip"])
def test_an_edited_export_goes_on_in_its_layout(home: Handmade, layout: str) -> None:
    home.spec(layout=layout, format="json", folder="root")
    first = home.run()
    home.spec(layout=layout, format="json", folder="root", as_string=True)
    with home.open() as project:
        assert project.edit("purchases").difference == ("as_string: not set -> True",)
    home.now += dt.timedelta(days=1)
    home.events([event("Charged", at(3, 1), n=1)], "more")
    (key,) = (file.key for receipt in home.run() for file in receipt.files)
    text = gzip.decompress((home.out / key).read_bytes()).decode()
    assert '"n":"1"' in text
    assert {it.rows for it in first} == ({2} if layout == "legacy" else {4})


# Files


def spooled(folder: Path, lines: list[str], limit: int, batch: int) -> tuple[SpoolFile, ...]:
    folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        spool = Spool(
            folder,
            files(JsonFormat(LEGACY), pool, "default", stable=True),
            lambda _: ["Charged"],
            10**9,
            pool,
            together=False,
            most_bytes=limit,
        )
        for start in range(0, len(lines), batch):
            spool.write(0, 0, pa.array(lines[start : start + batch], pa.large_string()))
        return spool.finish()


def test_files_are_cut_at_their_bytes_between_records_however_these_come(tmp_path: Path) -> None:
    choose = random.Random(5)
    # Half of each line cannot be compressed.
    lines = [f'{{"n":"{choose.randbytes(2000).hex()}"}}\n' for _ in range(4000)]
    limit = 3_000_000
    one = spooled(tmp_path / "one", lines, limit, 7)
    other = spooled(tmp_path / "other", lines, limit, 1000)
    assert [(it.rows, it.sha256) for it in one] == [(it.rows, it.sha256) for it in other]
    assert len(one) > 2
    assert all(it.bytes <= limit for it in one)
    assert all(it.bytes > limit * 0.6 for it in one[:-1])
    texts = [gzip.decompress(it.path.read_bytes()).decode() for it in one]
    assert all(text.startswith("Charged\n") for text in texts)
    assert "".join(text.removeprefix("Charged\n") for text in texts) == "".join(lines)


def test_a_record_beyond_the_limit_has_a_file_of_its_own(tmp_path: Path) -> None:
    lines = [f'{{"n":"{random.Random(n).randbytes(5000).hex()}"}}\n' for n in range(3)]
    assert [it.rows for it in spooled(tmp_path / "f", lines, 1000, 3)] == [1, 1, 1]


def test_parquet_is_cut_at_its_bytes(home: Handmade, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = random.Random(6)
    rows = (event("Charged", at(0, n / 1e4), text=choose.randbytes(400).hex()) for n in range(9000))
    home.events(rows)
    home.spec(layout="legacy", format="parquet", folder="root")
    limit = 2_500_000
    monkeypatch.setitem(LAYOUTS, "legacy", _cut_at(limit))
    (receipt,) = (it for it in home.run() if it.rows)
    assert sum(file.rows for file in receipt.files) == 9000
    assert len(receipt.files) > 1
    assert all(file.bytes <= limit for file in receipt.files)


def _cut_at(limit: int) -> object:
    values = {name: getattr(LEGACY, name) for name in LEGACY.__dataclass_fields__}
    return type(LEGACY)(**{**values, "most_bytes": limit})


# Names


def test_names_of_layouts_meet_only_where_they_could_be_equal() -> None:
    legacy, infobip = LAYOUTS["legacy"].file_name, LAYOUTS["infobip"].file_name
    one = Reach(Naming(extension="json.gz", fixed=legacy), "1", 17, frozenset({"a"}), 5, 9)
    assert could_meet(one, one)
    assert not could_meet(one, Reach(one.naming, "1", 18, one.events, 5, 9))
    assert not could_meet(one, Reach(one.naming, "1", 17, one.events, 10, 19))
    series = Reach(Naming(extension="json.gz", fixed=infobip), "1", 17, None, 5, 9)
    assert could_meet(series, series)
    assert not could_meet(one, series)
    assert not could_meet(one, Reach(Naming(extension="json.gz"), "1", 17, one.events, 5, 9))


# Dagster


def test_one_series_is_one_partition_a_window(home: Handmade) -> None:
    home.spec(layout="infobip", format="json", folder="root", events={"select": "all"})
    with home.open() as project:
        job = project.job("purchases")
        assert job.listed_events == ("all events",)
        (window, *_) = project.missing("purchases")
        keys = partitions_of(job, 1, home.now.date()).get_partition_keys(home.now)
    assert str(partition_key(job, window.window, "all events")) in set(map(str, keys))
    assert {str(key).partition("|")[0] for key in keys} == {"all events"}


def test_late_rows_of_a_series_are_noticed(home: Handmade) -> None:
    settings = home.folder / "evexport.yaml"
    written = json.loads(settings.read_text())
    written["sources"]["lake"]["events"]["columns"] = {"arrived_at": "event_time"}
    settings.write_text(json.dumps(written))
    home.spec(layout="infobip", format="json", folder="root", where="event_name <> 'App Launched'")
    assert {it.rows for it in home.run()} == {2}
    home.events([event(name, at(1, 2)) for name in ("Charged", "App Launched", "Viewed")], "late")
    with home.open() as project:
        (late,) = project.look_for_late("purchases").found
        assert (late.event, late.rows) == ("all events", 1)
        (again,) = project.run("purchases").receipts
    assert (again.window_start, again.rows) == (at(1), 3)
