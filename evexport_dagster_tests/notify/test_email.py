"""E-mail, with a real mail server: TLS, passwords, refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.notify.base import NotToldError
from evexport_dagster.notify.email import EmailChannel
from evexport_dagster.settings import Mail
from evexport_dagster_tests.notify.conftest import mail_of
from evexport_dagster_tests.notify.receivers import PASSWORD, Mailbox, free_port
from evexport_dagster_tests.notify.samples import COMPLETED, said

NOW = datetime(2026, 6, 14, 21, 5, 9, tzinfo=UTC)
ANN = "ann@acme.com"


def send(mail: Mail, address: str = ANN) -> None:
    EmailChannel(mail).send(said(COMPLETED), address, NOW)


def test_a_letter_has_two_forms_and_an_id_that_stays(mailbox: Mailbox) -> None:
    for _ in range(2):
        send(mail_of(mailbox.port))
    (to, letter), (_, again) = mailbox.letters
    words = said(COMPLETED)
    assert (to, letter["To"], letter["From"]) == (ANN, ANN, "exports@acme.com")
    assert letter["Subject"] == words.subject
    assert letter["Date"].datetime == NOW
    assert letter["Message-ID"] == "<1517477760.1776150812-1-completed@acme.com>"
    assert again["Message-ID"] == letter["Message-ID"]
    for form, text in (("plain", words.text), ("html", words.html)):
        body = letter.get_body((form,))
        assert body is not None
        assert body.get_content().replace("\r\n", "\n") == text


def test_a_wrong_password_is_said_without_it(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", f"not-{PASSWORD}")
    with pytest.raises(NotToldError, match=r"refuses the user or the password \(535\)") as raised:
        send(mail_of(mailbox.port))
    assert raised.value.obstacle == "channel"
    assert "hunter2" not in str(raised.value)


def test_a_password_that_is_not_set_is_named(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASSWORD")
    with pytest.raises(SpecError, match="SMTP_PASSWORD"):
        send(mail_of(mailbox.port))


def test_without_a_user_nobody_logs_in(mailbox: Mailbox) -> None:
    with pytest.raises(NotToldError, match="530"):
        send(mail_of(mailbox.port, user=None, password=None))


@pytest.mark.parametrize(
    ("answer", "obstacle"), [("550 unknown", "refusal"), ("451 later", "receiver")]
)
def test_a_recipient_who_is_refused_is_named(mailbox: Mailbox, answer: str, obstacle: str) -> None:
    mailbox.refused[ANN] = answer
    with pytest.raises(NotToldError, match=f"refuses the recipient {ANN}: {answer}") as raised:
        send(mail_of(mailbox.port))
    assert raised.value.obstacle == obstacle
    send(mail_of(mailbox.port), "bob@acme.com")
    assert [to for to, _ in mailbox.letters] == ["bob@acme.com"]


@pytest.mark.parametrize(
    ("answer", "obstacle"), [("554 spam", "refusal"), ("452 full", "receiver")]
)
def test_a_letter_that_is_refused_says_why(mailbox: Mailbox, answer: str, obstacle: str) -> None:
    mailbox.answer = answer
    with pytest.raises(NotToldError, match=f"refuses the message: {answer}") as raised:
        send(mail_of(mailbox.port))
    assert raised.value.obstacle == obstacle


def test_a_certificate_of_another_name_is_not_trusted(mailbox: Mailbox) -> None:
    with pytest.raises(NotToldError, match="certificate that is not trusted"):
        send(mail_of(mailbox.port, host="127.0.0.1"))


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(NotToldError, match="certificate that is not trusted"):
        send(mail_of(mailbox.port))
    assert not mailbox.letters


def test_nobody_there_is_said() -> None:
    with pytest.raises(NotToldError, match=r"localhost:\d+ cannot be reached") as raised:
        send(mail_of(free_port()))
    assert raised.value.obstacle == "channel"
