"""Notices by e-mail: one message for each recipient, over TLS."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from evexport_dagster.notify.base import SECONDS, NotToldError
from evexport_dagster.notify.message import Message
from evexport_dagster.settings import Mail, reveal

ID_HEADER: Final = "X-Evexport-Notice"
_TLS_FROM_THE_START: Final = 465
_SHOWN: Final = 200


class EmailChannel:
    """Hands messages to one SMTP server; without TLS nothing is sent, not even a name."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    def send(self, message: Message, address: str, now: datetime) -> None:
        """Hand a message to the server, for one recipient.

        Raises NotToldError, or SpecError where user or password are not set.
        """
        letter = _letter(message, self._mail.from_, address, now)
        with self._told(address), self._server() as server:
            self._log_in(server)
            server.send_message(letter, self._mail.from_, [address])

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """A connection that is encrypted, to a server whose certificate is that of its name."""
        mail, tls = self._mail, ssl.create_default_context()
        # The name of this host as it stands: a look-up of it can take longer than all the rest.
        name = socket.gethostname()
        if mail.port == _TLS_FROM_THE_START:
            with smtplib.SMTP_SSL(
                mail.host, mail.port, name, timeout=SECONDS, context=tls
            ) as server:
                yield server
            return
        with smtplib.SMTP(mail.host, mail.port, name, timeout=SECONDS) as server:
            server.starttls(context=tls)
            yield server

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self._mail.user and self._mail.password:
            server.login(reveal(self._mail.user), reveal(self._mail.password))

    @contextmanager
    def _told(self, address: str) -> Iterator[None]:
        """What the library raises, in our own words: its errors can hold what was sent."""
        where = f"the mail server {self._mail.host}:{self._mail.port}"
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = error.recipients[address]
            words = f"{where} refuses the recipient {address}: {_shown(code, reason)}"
            raise NotToldError(words, "refusal" if code >= 500 else "receiver") from None
        except smtplib.SMTPAuthenticationError as error:
            words = f"{where} refuses the user or the password ({error.smtp_code})"
            raise NotToldError(words, "channel") from None
        except smtplib.SMTPDataError as error:
            words = f"{where} refuses the message: {_shown(error.smtp_code, error.smtp_error)}"
            raise NotToldError(words, "refusal" if error.smtp_code >= 500 else "receiver") from None
        except smtplib.SMTPNotSupportedError as error:
            raise NotToldError(f"{where} cannot do what is needed: {error}", "channel") from None
        except ssl.SSLCertVerificationError as error:
            words = f"{where} has a certificate that is not trusted: {error.verify_message}"
            raise NotToldError(words, "channel") from None
        except smtplib.SMTPResponseException as error:
            words = f"{where} answered {_shown(error.smtp_code, error.smtp_error)}"
            raise NotToldError(words, "channel") from None
        except (OSError, smtplib.SMTPException) as error:
            words = f"{where} cannot be reached ({type(error).__name__})"
            raise NotToldError(words, "channel") from None


def _letter(message: Message, sender: str, address: str, now: datetime) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, address, message.subject
    letter["Date"] = format_datetime(now)
    domain = sender.rpartition("@")[2]
    letter["Message-ID"] = f"<{message.account}.{message.notice_id}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter[ID_HEADER] = message.notice_id
    letter.set_content(message.text)
    letter.add_alternative(message.html, subtype="html")
    return letter


def _shown(code: int, reason: bytes | str) -> str:
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
    return f"{code} {' '.join(text.split())[:_SHOWN]}"
