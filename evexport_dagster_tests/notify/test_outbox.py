"""At least once and in order: senders that fail, die, or meet receivers that refuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from evexport_dagster.ledger import Channel as Kind
from evexport_dagster.ledger import Ledger, NewExport, NewNotice, Receiver
from evexport_dagster.notify import Sent, open_channels, send_due
from evexport_dagster.notify.base import Channel, NotToldError, Obstacle
from evexport_dagster.notify.message import Message
from evexport_dagster.notify.outbox import pause
from evexport_dagster.settings import Notifications
from evexport_dagster_tests.notify.receivers import Hook, Mailbox
from evexport_dagster_tests.notify.samples import ABOUT, ZONE

NOW = datetime(2026, 6, 14, 21, tzinfo=UTC)
HOOK = Receiver("webhook")
ANN, BOB = Receiver("email", "ann@acme.com"), Receiver("email", "bob@acme.com")


class Killed(BaseException):
    """The sender's process ends here."""


@dataclass
class Script(Channel):
    """A channel that does as it is told, and keeps what it said."""

    said: list[tuple[str, str]] = field(default_factory=list)
    fails: dict[str, BaseException] = field(default_factory=dict)

    def send(self, message: Message, address: str, now: datetime) -> None:
        for about in (address, message.notice_id):
            if error := self.fails.get(about):
                raise error
        self.said.append((address, message.notice_id))


@dataclass
class Office:
    """A ledger, its channels, and a clock that stands still."""

    ledger: Ledger
    export_id: int
    channels: dict[Kind, Channel]
    now: datetime = NOW

    def keep(self, name: str, *receivers: Receiver) -> None:
        facts = {**ABOUT, "export_id": self.export_id}
        new = NewNotice(name, self.export_id, "started", facts, receivers, self.now)
        assert self.ledger.notices.add(new)

    def send(self, after: timedelta = timedelta(0)) -> Sent:
        self.now += after
        return send_due(self.ledger, self.channels, ZONE, lambda: self.now)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def office(url: str, script: Script) -> Iterator[Office]:
    with Ledger.open(url) as ledger:
        new = NewExport("purchases", "events", "recurring", "{}", "f")
        (export,) = ledger.exports.create([new], NOW)
        yield Office(ledger, export.export_id, {"webhook": script, "email": script})


def not_told(obstacle: Obstacle) -> NotToldError:
    return NotToldError("no", obstacle)


def test_everything_due_is_told_in_order_and_once(office: Office, script: Script) -> None:
    for name in ("one", "two", "three"):
        office.keep(name, HOOK, ANN)
    assert office.send() == Sent(6, ())
    for address in ("", "ann@acme.com"):
        assert [name for to, name in script.said if to == address] == ["one", "two", "three"]
    assert office.send() == Sent(0, ())


def test_who_is_not_configured_is_not_told(office: Office, script: Script) -> None:
    office.keep("one", HOOK, ANN)
    del office.channels["email"]
    assert office.send().told == 1
    assert script.said == [("", "one")]


def test_a_channel_that_is_out_holds_up_no_other(office: Office, script: Script) -> None:
    for name in ("one", "two"):
        office.keep(name, HOOK, ANN, BOB)
    script.fails = {"ann@acme.com": not_told("channel")}
    sent = office.send()
    assert (sent.told, len(sent.problems)) == (2, 1), "the mail server is asked once"
    assert [to for to, _ in script.said] == ["", ""]
    script.fails = {}
    office.send(timedelta(minutes=1))
    assert script.said[2:] == [(to, n) for n in ("one", "two") for to in (ANN.address, BOB.address)]


def test_a_receiver_who_cannot_be_told_holds_up_no_other(office: Office, script: Script) -> None:
    for name in ("one", "two"):
        office.keep(name, ANN, BOB)
    script.fails = {"ann@acme.com": not_told("receiver")}
    assert office.send().told == 2
    assert script.said == [("bob@acme.com", "one"), ("bob@acme.com", "two")]


def test_attempts_become_rarer_and_do_not_end(office: Office, script: Script) -> None:
    office.keep("one", HOOK)
    script.fails = {"one": not_told("channel")}
    for attempt in range(1, 40):
        assert len(office.send().problems) == 1
        assert not office.send(pause(attempt) - timedelta(seconds=1)).problems
        office.now += timedelta(seconds=1)
    script.fails = {}
    assert office.send().told == 1


def test_pauses_grow_to_an_hour() -> None:
    pauses = [pause(attempt) for attempt in range(1, 100)]
    assert pauses[:3] == [timedelta(seconds=10 * 2**n) for n in range(3)]
    assert all(first <= second for first, second in pairwise(pauses))
    assert pauses[-1] == timedelta(hours=1)


@pytest.mark.parametrize("error", [not_told("refusal"), ValueError("hunter2")])
def test_what_is_refused_for_hours_is_given_up(
    office: Office, script: Script, error: Exception
) -> None:
    for name in ("one", "two"):
        office.keep(name, HOOK)
    script.fails = {"one": error}
    began = office.now
    problems: list[str] = []
    while not script.said:
        problems += office.send(timedelta(minutes=5)).problems
    assert script.said == [("", "two")]
    assert timedelta(hours=2) < office.now - began < timedelta(hours=6)
    assert len(problems) == 12
    assert problems[-1].startswith("notice one is given up")
    assert "hunter2" not in "".join(problems)
    assert not office.ledger.notices.lines()


def test_a_sender_that_was_killed_before_it_told_is_followed(
    office: Office, script: Script
) -> None:
    office.keep("one", HOOK)
    script.fails = {"one": Killed()}
    with pytest.raises(Killed):
        office.send()
    script.fails = {}
    assert office.send().told == 0, "the dead one may still be at it"
    assert office.send(timedelta(minutes=1)).told == 1


def test_a_sender_that_was_killed_after_it_told_leaves_a_duplicate_that_is_known(
    office: Office,
    hook: Hook,
    mailbox: Mailbox,
    told: Notifications,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office.channels = open_channels(told)
    for name in ("one", "two"):
        office.keep(name, HOOK, ANN)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(office.ledger.notices, "sent", die)
        for _ in range(2):
            with pytest.raises(Killed):
                office.send()
    assert (len(hook.posts), len(mailbox.letters)) == (1, 1)
    office.send(timedelta(minutes=1))
    assert [headers["Evexport-Id"] for headers, _ in hook.posts] == ["one", "one", "two"]
    assert hook.posts[0][1] == hook.posts[1][1]
    assert mailbox.ids == ["one", "one", "two"]
    first, again, _ = (letter["Message-ID"] for _, letter in mailbox.letters)
    assert first == again


def test_one_call_ends_in_good_time(office: Office, script: Script) -> None:
    for number in range(50):
        office.keep(f"{number:02}", HOOK)
    ticks = iter(range(1000))
    sent = send_due(
        office.ledger, office.channels, ZONE, lambda: NOW + timedelta(seconds=next(ticks))
    )
    assert 0 < sent.told < 20
    assert office.send(timedelta(minutes=1)).told == 50 - sent.told
