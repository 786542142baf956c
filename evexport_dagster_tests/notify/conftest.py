"""Receivers of this session, and a project that tells them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evexport_dagster.settings import Mail, Notifications, Webhook
from evexport_dagster_tests.handmade import home
from evexport_dagster_tests.ledger.conftest import postgres, url
from evexport_dagster_tests.notify.receivers import (
    PASSWORD,
    SECRET,
    USER,
    Hook,
    Mailbox,
    hook_server,
    mail_server,
    make_certificate,
)

__all__ = ["home", "postgres", "url"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the mail server."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def environment(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets, and the authority that signed the mail server's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for name, value in (("HOOK_SECRET", SECRET), ("SMTP_USER", USER), ("SMTP_PASSWORD", PASSWORD)):
        monkeypatch.setenv(name, value)


@pytest.fixture
def mailbox(certificate: Path) -> Iterator[Mailbox]:
    with mail_server(certificate) as box:
        yield box


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hook_server() as opened:
        yield opened


@pytest.fixture
def told(hook: Hook, mailbox: Mailbox) -> Notifications:
    """Both channels, as `evexport.yaml` has them."""
    return Notifications(webhook=webhook_of(hook), email=mail_of(mailbox.port))


def webhook_of(hook: Hook) -> Webhook:
    """The webhook that reaches a receiver."""
    return Webhook.model_validate({"url": hook.url, "secret": {"env": "HOOK_SECRET"}})


def mail_of(port: int, host: str = "localhost", **other: object) -> Mail:
    """The e-mail that reaches a mail server."""
    login = {"user": {"env": "SMTP_USER"}, "password": {"env": "SMTP_PASSWORD"}}
    place = {"to": ["data@acme.com"], "from": "exports@acme.com", "host": host, "port": port}
    return Mail.model_validate({**place, **login, **other})
