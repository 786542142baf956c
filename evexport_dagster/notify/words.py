"""What a notice says to a person: what happened, what arrived, where, and what to do; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from evexport_dagster.ledger import Notice, NoticeKind
from evexport_dagster.text import counted, size_text

_SHOWN_FILES: Final = 10

Fact = Mapping[str, Any]
"""What the ledger keeps of a notice, as `exports/notices.py` makes it."""


@dataclass(frozen=True)
class Words:
    """The parts of a message, none of them with markup."""

    subject: str
    lead: str
    details: tuple[tuple[str, str], ...]
    files_title: str
    files: tuple[str, ...]
    next: str
    foot: str


def words_of(notice: Notice, zone: ZoneInfo) -> Words:
    """The words of a notice; times are on the clock of `zone`."""
    fact: Fact = notice.fact
    said = _SAYERS[notice.kind](fact, zone)
    files = fact.get("files", ())
    shown = tuple(it["key"] for it in files[:_SHOWN_FILES])
    number = fact["counts"]["files"] if "counts" in fact else 0
    title = "Files" if number <= len(shown) else f"The first {len(shown)} of {number:,} files"
    return Words(
        subject=f"Export {fact['export']} {said.subject}",
        lead=said.lead,
        details=tuple(_details(notice, zone)),
        files_title=title,
        files=shown,
        next=said.next,
        foot=f"Notice {notice.notice_id} of {fact['account']['name']}. The same notice can come"
        " twice; its id stays the same.",
    )


def _details(notice: Notice, zone: ZoneInfo) -> list[tuple[str, str]]:
    fact: Fact = notice.fact
    place = fact["destination"]
    found = [
        ("Export", f"{fact['export']}, id {fact['export_id']}, revision {fact['revision']}"),
        ("Account", f"{fact['account']['name']} ({fact['account']['id']})"),
        ("Destination", f"{place['place']} ({place['name']})"),
    ]
    if span := _span(fact, zone):
        found.append(("Window" if "window" in fact else "Days", span))
    if "counts" in fact:
        found.append(("Delivered", _delivered(fact)))
    if "failure" in fact:
        found.append(("Cause", fact["failure"]["message"]))
        found.append(("Failing since", _time(fact["failure"]["since"], zone)))
    found.append(("Told at", f"{_wall(notice.created_at, zone)} ({zone.key})"))
    return found


def _delivered(fact: Fact) -> str:
    counts = fact["counts"]
    rows, files = counted(counts["rows"], "row"), counted(counts["files"], "file")
    of = "" if "window" in fact else f" of {counted(counts['windows'], 'window')}"
    return f"{rows} of {counted(counts['events'], 'event')}{of} in {files}, " + size_text(
        counts["bytes"]
    )


@dataclass(frozen=True)
class _Said:
    """What a kind of notice says: after `Export NAME` in the subject, in a sentence, to do."""

    subject: str
    lead: str
    next: str


def _started(fact: Fact, zone: ZoneInfo) -> _Said:
    span = _span(fact, zone)
    return _Said(
        subject=_with("started", span),
        lead=f"The export {fact['export']} has begun to deliver {span or 'its windows'}.",
        next="Nothing yet. Files appear one by one, each of them whole; another notice follows"
        " when all of them are there.",
    )


def _completed(fact: Fact, zone: ZoneInfo) -> _Said:
    span, counts, export = _span(fact, zone), fact["counts"], fact["export"]
    rows, files = counted(counts["rows"], "row"), counted(counts["files"], "file")
    lead = f"The export {export} has delivered {span or 'all its windows'}"
    if not counts["files"]:
        none = f"{lead}: there were no events, so there is no file."
        return _Said(_with("completed", span), none, "Nothing.")
    return _Said(
        subject=_with("completed", span),
        lead=f"{lead}: {rows} in {files}.",
        next=f"The files can be read now, in {fact['destination']['place']}."
        f" `evexport show {export}` tells what was delivered.",
    )


def _stopped(fact: Fact, zone: ZoneInfo) -> _Said:
    failed = "failure" in fact
    why = " because nobody mended its access to the destination" if failed else ""
    mend = "Mend the access; `evexport check` tells whether it works. " if failed else ""
    return _Said(
        subject="was stopped",
        lead=f"The export {fact['export']} was stopped{why}. It delivers nothing more; what it"
        " delivered stays.",
        next=f"{mend}A stopped export never runs again, and its name cannot be used again: to go"
        " on, create an export with another name.",
    )


def _failed(fact: Fact, zone: ZoneInfo) -> _Said:
    export, kind, number = fact["export"], fact["failure"]["kind"], fact["number"]
    span = _span(fact, zone)
    lead = f"The export {export} could not deliver {span}: {_FAILED[kind]}."
    what_next = f"{_NEXT[kind]} `evexport check {export}` tells whether it would work."
    if "stops_at" not in fact:
        return _Said(_with("failed", span), lead, what_next)
    end = f" Unless the access works by {_time(fact['stops_at'], zone)} ({zone.key}), the export is"
    end += " stopped for ever."
    if number == 1:
        return _Said(_with("failed", span), lead, what_next + end)
    return _Said(f"failed again, and is going to be stopped: {span}", lead + end, what_next)


def _recovered(fact: Fact, zone: ZoneInfo) -> _Said:
    export, span = fact["export"], _span(fact, zone)
    return _Said(
        subject=_with("recovered", span),
        lead=f"The export {export} works again: {span or 'what had failed'} is delivered.",
        next="Nothing. It goes on where it had stopped; nothing was lost or delivered twice.",
    )


def _with(word: str, span: str) -> str:
    return f"{word}: {span}" if span else word


_SAYERS: Final[Mapping[NoticeKind, Callable[[Fact, ZoneInfo], _Said]]] = {
    "started": _started,
    "completed": _completed,
    "stopped": _stopped,
    "failed": _failed,
    "recovered": _recovered,
}

_FAILED: Final = {
    "spec": "its spec is wrong",
    "access": "the destination refuses it",
    "unavailable": "something that it needs is out of reach",
    "bug": "evexport itself is at fault",
}

_NEXT: Final = {
    "spec": "The author of the export has to act: correct what the cause names.",
    "access": "The owner of the destination has to act. The access is checked every hour, and the"
    " export goes on by itself once it works.",
    "unavailable": "Nothing: it is tried again every five minutes, and a notice follows when it"
    " works.",
    "bug": "Report the cause to whoever maintains evexport. It is tried again every five minutes.",
}
"""What to do about a failure, by its kind (product contract, section 8)."""


def _span(fact: Fact, zone: ZoneInfo) -> str:
    """The window or the days that a fact is about; '' where it is about none."""
    if "window" not in fact:
        days = fact.get("days")
        return f"{days['from']} to {days['to']}" if days else ""
    start, end = (datetime.fromisoformat(fact["window"][it]) for it in ("start", "end"))
    from_, to = _wall(start, zone), _wall(end, zone)
    return f"{from_} to {to[11:] if to[:10] == from_[:10] else to}"


def _time(iso: str, zone: ZoneInfo) -> str:
    return _wall(datetime.fromisoformat(iso), zone)


def _wall(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")
