"""A notice in words: a subject, a page of text or HTML, and JSON for programs; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from evexport_dagster.ledger import Notice
from evexport_dagster.notify.words import Words, words_of

VERSION: Final = 1
"""Of the JSON: raised when a reader has to know of a change."""

_CELL = "padding:6px 16px 6px 0;vertical-align:top;border-top:1px solid #e5e7eb"
_COLOURS: Final = {
    "started": "#2563eb",
    "completed": "#15803d",
    "recovered": "#15803d",
    "stopped": "#b45309",
    "failed": "#b91c1c",
}


@dataclass(frozen=True)
class Message:
    """A notice as it is told: the same bytes each time, so that duplicates are recognised."""

    notice_id: str
    kind: str
    account: str
    subject: str
    text: str
    html: str
    payload: bytes


def message(notice: Notice, zone: ZoneInfo) -> Message:
    """A notice in words, its times on the clock of `zone`."""
    words = words_of(notice, zone)
    return Message(
        notice_id=notice.notice_id,
        kind=notice.kind,
        account=_account(notice),
        subject=words.subject,
        text=_text(words),
        html=_html(words, _COLOURS[notice.kind]),
        payload=_payload(notice, words, zone),
    )


def _account(notice: Notice) -> str:
    account = notice.fact["account"]
    assert isinstance(account, dict)
    return str(account["id"])


def _payload(notice: Notice, words: Words, zone: ZoneInfo) -> bytes:
    document = {
        "version": VERSION,
        "id": notice.notice_id,
        "kind": notice.kind,
        "at": _iso(notice.created_at, zone),
        **notice.fact,
        "summary": words.lead,
        "next": words.next,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _iso(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat(timespec="seconds")


def _text(words: Words) -> str:
    width = max(len(label) for label, _ in words.details) + 2
    details = [f"{label:<{width}}{value}" for label, value in words.details]
    blocks = [words.lead, "\n".join(details)]
    if words.files:
        blocks.append("\n".join([words.files_title, *(f"  {name}" for name in words.files)]))
    blocks.append(f"What to do\n{words.next}")
    return "\n\n".join([*blocks, f"-- \n{words.foot}"]) + "\n"


def _html(words: Words, colour: str) -> str:
    rows = "".join(
        f'<tr><th align="left" style="{_CELL};color:#6b7280;font-weight:normal">{escape(label)}'
        f'</th><td style="{_CELL}">{escape(value)}</td></tr>'
        for label, value in words.details
    )
    files = "".join(f"<li><code>{escape(name)}</code></li>" for name in words.files)
    listed = f"<p>{escape(words.files_title)}</p><ul>{files}</ul>" if files else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(words.subject)}</title></head>"
        '<body style="margin:0;padding:24px;font:15px/1.5 system-ui,sans-serif;color:#111827">'
        '<div style="max-width:640px">'
        f'<h1 style="font-size:18px;margin:0 0 12px;padding-left:12px;'
        f'border-left:4px solid {colour}">{escape(words.subject)}</h1>'
        f"<p>{escape(words.lead)}</p>"
        f'<table style="border-collapse:collapse">{rows}</table>{listed}'
        f'<h2 style="font-size:15px;margin:20px 0 4px">What to do</h2><p>{escape(words.next)}</p>'
        f'<p style="color:#6b7280;font-size:13px">{escape(words.foot)}</p>'
        "</div></body></html>\n"
    )
