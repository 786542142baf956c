"""Notices over HTTP: JSON that is signed, so that the receiver knows whose it is and how old."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import requests

from evexport_dagster.notify.base import SECONDS, NotToldError, Obstacle
from evexport_dagster.notify.message import Message
from evexport_dagster.settings import Webhook, reveal

ID_HEADER: Final = "Evexport-Id"
SIGNATURE_HEADER: Final = "Evexport-Signature"

_PAUSES: Final = (0.5, 1.5)
_REFUSALS: Final = frozenset({400, 409, 410, 413, 415, 422})


def signature(secret: str, body: bytes, now: datetime) -> str:
    """`t=<epoch second>,v1=<hex>`: HMAC-SHA-256 of the time, a full stop and the body."""
    second = int(now.timestamp())
    signed = str(second).encode("ascii") + b"." + body
    digest = hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).hexdigest()
    return f"t={second},v1={digest}"


class WebhookChannel:
    """Posts messages to one URL; what goes wrong for a moment is tried again at once."""

    def __init__(
        self,
        webhook: Webhook,
        pauses: Sequence[float] = _PAUSES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._webhook, self._pauses, self._sleep = webhook, pauses, sleep

    def send(self, message: Message, address: str, now: datetime) -> None:
        """Post a message; any answer from 200 to 299 says that it was taken.

        Raises NotToldError, or SpecError where the secret is not set.
        """
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "evexport-dagster",
            ID_HEADER: message.notice_id,
            SIGNATURE_HEADER: signature(reveal(self._webhook.secret), message.payload, now),
        }
        for pause in self._pauses:
            try:
                return self._post(message.payload, headers)
            except NotToldError as error:
                if error.obstacle != "channel":
                    raise
                self._sleep(pause)
        return self._post(message.payload, headers)

    def _post(self, body: bytes, headers: dict[str, str]) -> None:
        where = f"the webhook on {urlsplit(self._webhook.url).hostname}"
        try:
            with requests.post(
                self._webhook.url,
                data=body,
                headers=headers,
                timeout=SECONDS,
                # A redirect would send the notice to somebody who was not configured.
                allow_redirects=False,
                stream=True,
            ) as answer:
                status = answer.status_code
        except requests.RequestException as error:
            # Its own words hold the whole URL, which can be a secret as a whole.
            words = f"{where} cannot be reached ({type(error).__name__})"
            # Who hangs is not asked again at once: that would take too long for everybody else.
            hangs = isinstance(error, requests.Timeout)
            raise NotToldError(words, "receiver" if hangs else "channel") from None
        if not 200 <= status < 300:
            obstacle: Obstacle = "refusal" if status in _REFUSALS else "channel"
            raise NotToldError(f"{where} answered {status}", obstacle)
