"""What people read, and what programs are given."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from evexport_dagster.ledger import Notice
from evexport_dagster.notify.message import Message
from evexport_dagster_tests.notify.samples import (
    ABOUT,
    ALL,
    COMPLETED,
    COUNTS,
    FAILED,
    FAILURE,
    STARTED,
    STOPPED,
    said,
)


class Page(HTMLParser):
    """The text of a page, and that of its title."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = self.title = ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "title" in self.open:
            self.title += data


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("notice", ALL, ids=lambda it: it.kind)
def test_every_notice_says_what_where_and_what_to_do(notice: Notice) -> None:
    words = said(notice)
    page = Page(words.html)
    for text in (words.text, page.text):
        for needed in ("purchases, id 1776150812, revision 2", "s3://acme-events/", "What to do"):
            assert needed in text
        assert "Acme & <Söhne>" in text
        assert notice.notice_id in text
        assert "Told at" in text
    assert notice.kind in words.subject
    assert "\n" not in words.subject
    assert page.title == words.subject
    assert max(map(len, words.text.splitlines())) < 998, "the longest line that SMTP takes"


@pytest.mark.parametrize("notice", ALL, ids=lambda it: it.kind)
def test_programs_get_the_fact_with_its_words(notice: Notice) -> None:
    words = said(notice)
    document = json.loads(words.payload)
    assert document["id"] == notice.notice_id
    assert (document["version"], document["kind"]) == (1, notice.kind)
    assert document["at"] == "2026-06-14T11:05:09-10:00"
    assert document.items() >= notice.fact.items()
    assert document["summary"] in words.text
    assert document["next"] in words.text


def test_times_are_those_of_the_account() -> None:
    words = said(STARTED)
    assert words.subject == "Export purchases started: 2026-06-14 07:00 to 11:00"
    assert "2026-06-14 11:05 (Pacific/Honolulu)" in words.text


def test_what_arrived_is_counted_and_the_first_files_are_named() -> None:
    text = said(COMPLETED).text
    assert "1,234 rows of 2 events in 12 files, 67.9 kB" in text
    assert "The first 10 of 12 files" in text
    assert "Charged/09.csv.gz" in text
    assert "Charged/10.csv.gz" not in text


def test_a_whole_export_is_told_by_its_days() -> None:
    fact = {**STOPPED.fact, "days": {"from": "2026-06-01", "to": "2026-06-30"}}
    counts = {**COUNTS, "windows": 30}
    words = said(replace(COMPLETED, fact={**fact, "counts": counts}))
    assert words.subject == "Export purchases completed: 2026-06-01 to 2026-06-30"
    assert "1,234 rows of 2 events of 30 windows in 12 files" in words.text


def test_an_empty_window_says_that_there_is_no_file() -> None:
    nothing = {**COUNTS, "rows": 0, "files": 0, "bytes": 0}
    words = said(replace(COMPLETED, fact={**ABOUT, "counts": nothing, "files": []}))
    assert "there were no events, so there is no file" in words.text


@pytest.mark.parametrize(
    ("notice", "number", "subject", "text"),
    [
        (FAILED, 1, "failed: ", "by 2026-06-16 11:00 (Pacific/Honolulu), the export is stopped"),
        (FAILED, 2, "failed again, and is going to be stopped: ", "The owner of the destination"),
        (STOPPED, 3, "was stopped", "create an export with another name"),
    ],
)
def test_access_failures_get_more_urgent(
    notice: Notice, number: int, subject: str, text: str
) -> None:
    words = said(replace(notice, fact={**notice.fact, **FAILURE, "number": number}))
    assert words.subject.startswith(f"Export purchases {subject}")
    assert text in words.text
    assert "the <key> is wrong" in words.text
    assert "the &lt;key&gt; is wrong" in words.html


@pytest.mark.parametrize(
    ("kind", "who"),
    [
        ("spec", "The author of the export has to act"),
        ("unavailable", "tried again every five minutes"),
        ("bug", "Report the cause"),
    ],
)
def test_other_failures_say_who_acts_next(kind: str, who: str) -> None:
    failure = {"kind": kind, "message": "no", "since": "2026-06-14T21:00:00+00:00"}
    words: Message = said(replace(FAILED, fact={**ABOUT, "failure": failure, "number": 1}))
    assert who in one_line(words.text)
    assert "stopped" not in words.text
