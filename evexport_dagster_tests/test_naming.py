"""Folders and file names: what a template may say, that keys never clash, who could meet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evexport_dagster.naming import (
    FolderPreset,
    Names,
    Naming,
    Reach,
    Template,
    TemplateError,
    Variable,
    could_meet,
    naming_faults,
)
from evexport_dagster.naming.template import UNASKED
from evexport_dagster.text import assign_segment

HONOLULU = ZoneInfo("Pacific/Honolulu")
PRESETS: tuple[FolderPreset, ...] = ("root", "data_type", "run_date", "export_id", "event_name")
EXTENSIONS = ("csv.gz", "json.gz", "xml.gz", "parquet", "parquet.gz")
ASKABLE = [variable for variable in Variable if variable not in UNASKED]
RELAXED = settings(deadline=None, max_examples=60)
KEY = re.compile(r"[A-Za-z0-9_=.-]+(/[A-Za-z0-9_=.-]+)*")


def template(text: str) -> Template:
    return Template.parse(text)


def names(
    event: str = "App-Launched",
    end: datetime = datetime(2026, 4, 14, 20, 0, tzinfo=HONOLULU),
    hours: int = 4,
    instance_id: int = 0,
    file_index: int = 0,
    export_id: int = 1761651721,
) -> Names:
    start = end - timedelta(hours=hours)
    return Names(
        account_id="1517477760",
        export_id=export_id,
        timestamp=int(end.timestamp()),
        date=end.date(),
        instance_id=instance_id,
        file_index=file_index,
        event=event,
        window_start=start,
        window_end=end,
        window_date=start.date(),
    )


DOCUMENTED = replace(names(), export_id=1776150812, timestamp=1776150812, date=date(2026, 4, 14))
RUN = replace(names(), export_id=1761650178, timestamp=1759500000, date=date(2025, 10, 3))


# Templates


@pytest.mark.parametrize("variable", ASKABLE)
def test_variables_are_read_in_any_case(variable: Variable) -> None:
    name = variable.value
    for spelling in (name, name.lower(), name.upper(), f" {name} "):
        parsed = template(f"a-{{{{{spelling}}}}}/b")
        assert parsed.parts == ("a-", variable, "/b")
        assert str(parsed) == f"a-{{{{{name}}}}}/b"


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 1, "empty"),
        ("/a", 1, "slash at the beginning"),
        ("a/", 2, "slash at the end"),
        ("/", 1, "slash at the beginning"),
        ("a//b", 3, "two slashes"),
        (".", 1, "stays in its own"),
        ("a/../b", 3, "stays in its own"),
        ("{{date}}/..", 10, "stays in its own"),
        ("./a", 1, "stays in its own"),
        ("a./b", 1, "ends with a dot"),
        ("a/...", 3, "ends with a dot"),
        ("{{Event-name}}.", 1, "ends with a dot"),
        ("a b", 2, "' ' is not allowed"),
        ("a\\b", 2, r"'\\\\' is not allowed"),
        ("events-%Y", 8, "'%' is not allowed"),
        ("añb", 2, "'ñ' is not allowed"),
        ("٣", 1, "is not allowed"),
        ("a\n", 2, r"'\\n' is not allowed"),
        ("a\0", 2, r"'\\x00' is not allowed"),
        ("{{date}}-{{dat}}", 10, "no variable 'dat'; there are Account-id, Export-id"),
        ("{{File-index}}", 1, "no variable 'File-index'"),
        ("{{Event name}}", 1, "no variable 'Event name'"),
        ("a{{}}", 2, "no variable ''"),
        ("a{{date}", 2, "do not pair up"),
        ("a{{date", 2, "do not pair up"),
        ("a{date}", 2, "do not pair up"),
        ("a}}", 2, "do not pair up"),
        ("{{{date}}}", 1, "do not pair up"),
    ],
)
def test_what_a_template_cannot_be(text: str, position: int, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason) as caught:
        template(text)
    assert caught.value.position == position
    assert str(caught.value) == f"column {position}: {caught.value.reason}"


LITERALS = st.text("aZ9-_=.", min_size=1, max_size=4)
PIECES = st.one_of(
    LITERALS,
    st.sampled_from(ASKABLE).map(lambda variable: f"{{{{{variable.value}}}}}"),
    st.sampled_from(ASKABLE).map(lambda variable: f"{{{{ {variable.value.swapcase()}}}}}"),
)
SEGMENTS = st.lists(PIECES, min_size=1, max_size=4).map("".join)
TEMPLATES = (
    st.lists(SEGMENTS.filter(lambda text: not text.endswith(".")), min_size=1, max_size=3)
    .map("/".join)
    .map(template)
)


@RELAXED
@given(TEMPLATES)
def test_a_template_round_trips_through_its_text(parsed: Template) -> None:
    assert template(str(parsed)) == parsed
    assert str(template(str(parsed))) == str(parsed)


@RELAXED
@given(st.text("aZ9-_=./{}% \né", max_size=12))
def test_any_text_parses_or_says_where_it_does_not(text: str) -> None:
    fault = fault_of(text)
    if fault is None:
        assert template(str(template(text))) == template(text)
    else:
        assert 1 <= fault.position <= max(1, len(text))
        assert fault.reason


def fault_of(text: str) -> TemplateError | None:
    try:
        template(text)
    except TemplateError as error:
        return error
    return None


# Keys


@pytest.mark.parametrize(
    ("folder", "key"),
    [
        ("root", ""),
        ("data_type", "events/"),
        ("run_date", "2025-10-03/"),
        ("export_id", "1761650178/"),
        ("event_name", "App-Launched/"),
        (
            template("{{date}}/{{event-name}}/run-{{export-id}}"),
            "2025-10-03/App-Launched/run-1761650178/",
        ),
        (template("{{Event-name}}/{{Date}}"), "App-Launched/2025-10-03/"),
    ],
)
def test_the_documented_folders(folder: FolderPreset | Template, key: str) -> None:
    name = "App-Launched-2025-10-03-1517477760-1761650178-1759500000-0-0.csv.gz"
    assert Naming(folder).key(RUN) == key + name


def test_the_documented_default_name() -> None:
    expected = "App-Launched-2026-04-14-1517477760-1776150812-1776150812-0-0.csv.gz"
    assert Naming().key(DOCUMENTED) == expected


@pytest.mark.parametrize(
    ("folder", "name", "key"),
    [
        (
            "event_name",
            "events-{{date}}-{{export-id}}",
            "App-Launched/events-2025-10-03-1761650178",
        ),
        ("root", "events-{{date}}-{{export-id}}", "events-2025-10-03-1761650178-App-Launched"),
        ("root", "{{event-name}}", "App-Launched"),
        (template("{{event-name}}"), "x", "App-Launched/x"),
        ("run_date", "a/b={{Account-id}}", "2025-10-03/a/b=1517477760-App-Launched"),
    ],
)
@pytest.mark.parametrize(
    "typed", ["", ".csv.gz", ".csv", ".gz", ".CSV.GZ", ".{{format}}", ".{{ Format }}.gz"]
)
def test_a_custom_name_ends_in_what_keeps_files_apart(
    folder: FolderPreset | Template, name: str, key: str, typed: str
) -> None:
    naming = Naming(folder, template(name + typed))
    assert naming.key(replace(RUN, instance_id=7, file_index=2)) == f"{key}-1759500000-7-2.csv.gz"


def test_every_variable() -> None:
    folder = template("{{Window-start}}/{{Window-end}}/{{Window-date}}/{{Format}}/{{Instance-id}}")
    name = template("{{Timestamp}}={{Date}}_{{Account-id}}.{{Export-id}}")
    window = names("E", end=datetime(2026, 6, 15, 0, 0, tzinfo=HONOLULU), instance_id=23)
    assert Naming(folder, name, "parquet").key(window) == (
        "20260615T060000Z/20260615T100000Z/2026-06-14/parquet/23/"
        "1781517600=2026-06-15_1517477760.1761651721-E-1781517600-23-0.parquet"
    )


def test_an_account_id_cannot_leave_its_segment() -> None:
    hostile = replace(RUN, account_id="../../other account")
    assert Naming(template("{{Account-id}}")).key(hostile).startswith("-other-account/App-Launched")


def test_exports_of_profiles_have_names_without_events() -> None:
    profiles = Naming("data_type", extension="json.gz", data_type="profile")
    assert profiles.key(RUN) == "profile/1517477760-1761650178-1759500000-0-0.json.gz"
    custom = Naming("root", template("people-{{date}}"), "json.gz", "profile")
    assert custom.key(RUN) == "people-2025-10-03-1759500000-0-0.json.gz"


@pytest.mark.parametrize(
    ("name", "extension", "position", "reason"),
    [
        ("events-{{date}}.json", "csv.gz", 16, "'.json' contradicts .* '.csv.gz'"),
        ("events.json.gz", "csv.gz", 7, "'.json.gz' contradicts"),
        ("a.parquet.gz", "parquet", 2, "'.parquet.gz' contradicts .* '.parquet'"),
        ("a.gz", "parquet", 2, "'.gz' contradicts"),
        ("a.{{format}}.gz", "parquet", 2, "contradicts"),
        ("a.xml", "json.gz", 2, "contradicts"),
        (".csv.gz", "csv.gz", 1, "no name before"),
        ("{{date}}/.csv", "csv.gz", 10, "no name before"),
        ("a..csv", "csv.gz", 1, "ends with a dot"),
    ],
)
def test_an_extension_that_does_not_fit(
    name: str, extension: str, position: int, reason: str
) -> None:
    with pytest.raises(TemplateError, match=reason) as caught:
        Naming("root", template(name), extension)
    assert (caught.value.field, caught.value.position) == ("file_name", position)


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.parquet", "parquet.gz"), ("a.parquet", "parquet"), ("a.json.gz", "json.gz")],
)
def test_an_extension_that_fits_is_not_doubled(name: str, extension: str) -> None:
    assert Naming("event_name", template(name), extension).key(RUN) == (
        f"App-Launched/a-1759500000-0-0.{extension}"
    )


def test_dots_that_are_no_extension_stay() -> None:
    assert Naming("event_name", template("v1.2.csvx")).key(RUN) == (
        "App-Launched/v1.2.csvx-1759500000-0-0.csv.gz"
    )


def test_profiles_cannot_ask_for_an_event_name() -> None:
    folder, name = template("{{date}}/{{Event-name}}"), template("a-{{event-name}}")
    faults = naming_faults(folder, name, "csv.gz", "profile")
    assert [(fault.field, fault.position) for fault in faults] == [("folder", 10), ("file_name", 3)]
    with pytest.raises(TemplateError, match="no event names"):
        Naming("event_name", data_type="profile")


@pytest.mark.parametrize(
    ("folder", "name", "field", "position"),
    [
        ("ok/" + "x" * 256, "n", "folder", 4),
        ("ok", "a/" + "x" * 256, "file_name", 3),
        ("ok", "{{event-name}}-{{event-name}}", "file_name", 1),
        ("ok", "x" * 110, "file_name", 1),
        ("/".join(["x" * 200] * 5), "n", "folder", 1),
    ],
)
def test_names_that_stores_could_not_take(
    folder: str, name: str, field: Literal["folder", "file_name"], position: int
) -> None:
    with pytest.raises(TemplateError, match=r"can grow to \d+ bytes") as caught:
        Naming(template(folder), template(name))
    assert (caught.value.field, caught.value.position) == (field, position)


def test_the_longest_default_name_fits_a_file_system() -> None:
    longest = Naming("event_name", extension="parquet.gz").key(
        replace(RUN, account_id="x" * 99, event="e" * 120, instance_id=23, file_index=99999)
    )
    assert max(len(segment) for segment in longest.split("/")) <= 255


# No two files share a key


EVENT_NAMES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                "",
                ".",
                "..",
                "../x",
                "a",
                "A",
                "a b",
                "A/B",
                "a-b",
                "a-1",
                "1",
                "0-0",
                "\0",
                "購入",
                "é",
            ]
        ),
        st.sampled_from(["x" * 300, "X" * 300, "x" * 300 + "y", "é" * 300]),
    ),
    unique=True,
    min_size=1,
    max_size=6,
)


DEFAULT: Literal["default"] = "default"
FOLDERS: st.SearchStrategy[FolderPreset | Template] = st.one_of(st.sampled_from(PRESETS), TEMPLATES)
FILE_NAMES: st.SearchStrategy[Literal["default"] | Template] = st.one_of(
    st.just(DEFAULT), TEMPLATES
)


@st.composite
def namings(draw: st.DrawFn) -> Naming:
    folder = draw(FOLDERS)
    name = draw(FILE_NAMES)
    extension = draw(st.sampled_from(EXTENSIONS))
    assume(not list(naming_faults(folder, name, extension, "events")))
    return Naming(folder, name, extension)


def segments_of(event_names: Iterable[str]) -> list[str]:
    taken: list[str] = []
    for name in event_names:
        taken.append(assign_segment(name, taken))
    return taken


def assert_keys_of_their_own(naming: Naming, events: list[str], first: datetime) -> None:
    ends = [first + timedelta(hours=4 * step) for step in (0, 1, 6, 250)]
    files = [
        names(event, end, instance_id=instance, file_index=index)
        for event, end, instance, index in product(events, ends, (0, 1, 10), (0, 1, 10))
    ]
    keys = [naming.key(file) for file in files]
    assert len({key.lower() for key in keys}) == len(files)
    for key in keys:
        assert KEY.fullmatch(key)
        assert not {".", ".."} & set(key.split("/"))
        assert max(len(segment) for segment in key.split("/")) <= 255


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(HONOLULU)).map(
    lambda moment: moment.replace(microsecond=0)
)


@RELAXED
@given(namings(), EVENT_NAMES, MOMENTS)
def test_no_two_files_share_a_key(naming: Naming, event_names: list[str], end: datetime) -> None:
    assert_keys_of_their_own(naming, segments_of(event_names), end)


@pytest.mark.parametrize("folder", PRESETS)
@pytest.mark.parametrize("name", ["default", "x", "{{Event-name}}", "{{date}}.csv.gz"])
@settings(deadline=None, max_examples=5)
@given(event_names=EVENT_NAMES)
def test_no_two_files_share_a_key_in_any_preset(
    folder: FolderPreset, name: str, event_names: list[str]
) -> None:
    naming = Naming(folder, "default" if name == "default" else template(name))
    assert_keys_of_their_own(
        naming, segments_of(event_names), datetime(2026, 6, 14, 10, tzinfo=UTC)
    )


# Exports that could meet


def reach(
    folder: FolderPreset | str = "root",
    name: str = "default",
    export_id: int = 1761651721,
    events: Iterable[str] | None = None,
    extension: str = "csv.gz",
    first: int | None = None,
    last: int | None = None,
    prefix: str = "",
) -> Reach:
    chosen = next((preset for preset in PRESETS if preset == folder), None) or template(folder)
    naming = Naming(chosen, "default" if name == "default" else template(name), extension)
    known = None if events is None else frozenset(events)
    return Reach(naming, "1517477760", export_id, known, first, last, prefix)


TWO = ["App-Launched", "Charged"]


@pytest.mark.parametrize(
    ("a", "b", "meets"),
    [
        # The export id keeps default names apart, in any folder.
        (reach(export_id=1761651721), reach(export_id=1761651722), False),
        (reach(export_id=1), reach(export_id=11), False),
        (reach("event_name", export_id=1), reach("event_name", export_id=2), False),
        (reach("root", export_id=1), reach("event_name", export_id=2), False),
        (reach(), reach(), True),
        # A name without an export id does not.
        (reach(name="{{date}}", export_id=1), reach(name="{{date}}", export_id=2), True),
        (reach(name="{{date}}", events=TWO), reach(name="{{date}}", events=["charged"]), True),
        (reach(name="{{date}}", events=TWO), reach(name="{{date}}", events=["Viewed"]), False),
        (reach(name="{{date}}", events=TWO), reach(name="{{date}}", events=[]), False),
        (reach(name="{{date}}-{{export-id}}"), reach(name="{{date}}-{{export-id}}"), True),
        (
            reach(name="{{date}}-{{export-id}}", export_id=1),
            reach(name="{{date}}-{{export-id}}", export_id=2),
            False,
        ),
        # Folders, prefixes and extensions.
        (reach("left", "{{date}}"), reach("right", "{{date}}"), False),
        (reach("left", "{{date}}"), reach("LEFT", "{{date}}"), True),
        (reach("root", "left/{{date}}"), reach("left", "{{date}}"), True),
        (reach(name="x", prefix="a/"), reach("a", "x"), True),
        (reach(name="x", prefix="a/"), reach(name="x", prefix="b/"), False),
        (reach(name="x"), reach(name="x", extension="json.gz"), False),
        (reach(name="x", extension="parquet"), reach(name="x", extension="parquet.gz"), False),
        (reach("{{format}}", "x"), reach("csv", "x"), True),
        (reach("{{format}}", "x", events=TWO), reach("json", "x", events=TWO), False),
        # Variables of one form could give one text; of different forms they cannot.
        (reach("{{date}}", "x"), reach("{{window-date}}", "x"), True),
        (reach("{{date}}", "x"), reach("{{window-start}}", "x"), False),
        (reach("{{date}}", "x"), reach("{{timestamp}}", "x"), False),
        (reach("{{instance-id}}", "x"), reach("7", "x"), True),
        (reach("{{window-start}}", "x"), reach("20260614T100000Z", "x"), True),
        (reach("{{account-id}}", "x"), reach("1517477760", "x"), True),
        (reach("2026-06-14", "x"), reach("run_date", "x"), True),
        (reach("data_type", "x"), reach("events", "x"), True),
        # An event can spell what another template makes; a known one only itself.
        (reach("event_name", "x"), reach("left", "x-{{event-name}}"), False),
        (reach("event_name", "{{event-name}}"), reach("left", "{{event-name}}"), True),
        (
            reach("event_name", "{{event-name}}", events=TWO),
            reach("charged", "{{event-name}}", events=TWO),
            True,
        ),
        (
            reach("event_name", "{{event-name}}", events=TWO),
            reach("charged", "{{event-name}}", events=["App-Launched"]),
            False,
        ),
        (reach(name="{{event-name}}"), reach(name="default"), True),
        (reach(name="{{event-name}}", events=TWO), reach(name="default"), False),
        # Ranges of time: both ends belong to them.
        (reach(name="x", last=100), reach(name="x", first=101), False),
        (reach(name="x", last=100), reach(name="x", first=100), True),
        (reach(name="x", first=5, last=100), reach(name="x", first=7, last=9), True),
        (reach(name="x", first=5), reach(name="x"), True),
    ],
)
def test_who_could_meet(a: Reach, b: Reach, meets: bool) -> None:
    assert could_meet(a, b) is meets
    assert could_meet(b, a) is meets


def test_profiles_and_events_meet_only_where_names_allow_it() -> None:
    profiles = Reach(Naming(data_type="profile"), "1517477760", 1)
    assert not could_meet(profiles, reach(export_id=2))
    assert could_meet(profiles, reach(name="{{event-name}}", export_id=2))
    assert could_meet(profiles, replace(profiles))


# Few letters and short names, so that keys of different exports do clash now and then.
CLOSE_TEMPLATES = (
    st.lists(
        st.sampled_from(["a", "-", "1", "{{Event-name}}", "{{Export-id}}", "{{Date}}"]),
        min_size=1,
        max_size=2,
        unique=True,
    )
    .map("".join)
    .map(template)
)
CLOSE_FOLDERS: st.SearchStrategy[FolderPreset | Template] = st.one_of(
    st.sampled_from(PRESETS), CLOSE_TEMPLATES
)
CLOSE_NAMINGS = st.builds(Naming, CLOSE_FOLDERS, st.one_of(st.just(DEFAULT), CLOSE_TEMPLATES))
CLOSE_EVENTS = st.frozensets(
    st.sampled_from(["a", "A-1", "1", "a-a", "events", "1-a", "a-2026-06-14", "1-2026-06-14-a-1"]),
    min_size=1,
    max_size=4,
)


@st.composite
def close_reaches(draw: st.DrawFn) -> tuple[Reach, frozenset[str]]:
    events = draw(CLOSE_EVENTS)
    known = events if draw(st.booleans()) else None
    return Reach(draw(CLOSE_NAMINGS), "a", draw(st.sampled_from([1, 11])), known), events


def keys_of(reached: Reach, events: frozenset[str]) -> set[str]:
    end = datetime(2026, 6, 14, tzinfo=UTC)
    files = [names(event, end, export_id=reached.export_id) for event in events]
    return {reached.naming.key(replace(file, account_id="a")).lower() for file in files}


@settings(deadline=None, max_examples=200)
@given(close_reaches(), close_reaches())
def test_exports_that_write_one_key_could_meet(
    one: tuple[Reach, frozenset[str]], other: tuple[Reach, frozenset[str]]
) -> None:
    a, b = one[0], other[0]
    meets = could_meet(a, b)
    assert meets is could_meet(b, a)
    assert meets or not keys_of(*one) & keys_of(*other)


@RELAXED
@given(namings(), st.lists(st.sampled_from(["a", "b-c", "D"]), min_size=1, unique=True))
def test_one_naming_meets_itself_unless_the_export_id_is_in_it(
    naming: Naming, events: list[str]
) -> None:
    a = Reach(naming, "1", 1761651721, frozenset(events))
    b = replace(a, export_id=1761651722)
    assert could_meet(a, b) or Variable.EXPORT_ID in naming.parts
    assert not could_meet(replace(a, last=99), replace(b, first=100))


def test_five_hundred_long_event_names_are_compared_at_once() -> None:
    events = [f"{index:03d}-" + "x" * 110 for index in range(500)]
    a = reach("event_name", "{{event-name}}-{{export-id}}", export_id=1, events=events)
    b = reach("event_name", "{{event-name}}-{{export-id}}", export_id=2, events=events)
    assert not could_meet(a, b)
