from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
import pytest

from evexport_dagster.cli.times import (
    instant_text,
    typed_instant,
    typed_range,
    window_document,
    window_text,
)
from evexport_dagster.windows import Window, parse_instant

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(autouse=True)
def context() -> click.Context:
    return click.Context(click.Command("run"))


def window(start: str, end: str) -> Window:
    return Window(parse_instant(start, NEW_YORK), parse_instant(end, NEW_YORK))


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-06-14", "2026-06-15", "2026-06-14"),
        ("2026-06-14", "2026-06-14T04:00", "2026-06-14 00:00 to 04:00"),
        ("2026-06-14T20:00", "2026-06-15", "2026-06-14 20:00 to 24:00"),
        # A day of 25 hours is a whole day, too.
        ("2026-11-01", "2026-11-02", "2026-11-01"),
    ],
)
def test_a_window_reads_as_the_clock_shows_it(start: str, end: str, text: str) -> None:
    assert window_text(window(start, end), NEW_YORK) == text


def test_a_window_is_two_instants_with_their_offsets() -> None:
    assert window_document(window("2026-11-01", "2026-11-01T04:00"), NEW_YORK) == [
        "2026-11-01T00:00:00-04:00",
        "2026-11-01T04:00:00-05:00",
    ]


def test_an_instant_reads_as_the_clock_shows_it() -> None:
    assert instant_text(datetime(2026, 6, 14, 12, tzinfo=UTC), NEW_YORK) == "2026-06-14 08:00"
    assert instant_text(None, NEW_YORK) == ""


def test_what_is_typed_is_a_time_of_the_account() -> None:
    assert typed_instant("2026-06-14", "--from", NEW_YORK) == datetime(2026, 6, 14, 4, tzinfo=UTC)
    assert typed_instant(None, "--from", NEW_YORK) is None


@pytest.mark.parametrize("text", ["", "yesterday", "14.6.2026", "2026-06-31", "2026-6-1", "12:00"])
def test_what_is_not_a_time_is_refused_with_what_is_one(text: str, context: click.Context) -> None:
    with context, pytest.raises(click.BadParameter, match="2026-06-14T08:00") as caught:
        typed_instant(text, "--from", NEW_YORK)

    assert "'--from'" in caught.value.format_message()


@pytest.mark.parametrize("to", ["2026-06-14", "2026-06-13T23:59"])
def test_a_range_without_time_is_refused(to: str, context: click.Context) -> None:
    with context, pytest.raises(click.BadParameter, match="not later than '2026-06-14'"):
        typed_range("2026-06-14", to, NEW_YORK)
