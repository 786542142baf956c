"""What a channel does: tell one receiver one message, or say why it could not."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, Protocol

from evexport_dagster.errors import UnavailableError
from evexport_dagster.notify.message import Message

Obstacle = Literal["channel", "receiver", "refusal"]
"""What was in the way: nobody can be told at present; this receiver cannot; or this receiver does
not take this message, now or later."""

SECONDS: Final = 10.0
"""How long a channel waits for an answer: a receiver that hangs must not hold the others up."""


class NotToldError(UnavailableError):
    """A receiver was not told; the words hold no secret, and no path of a webhook's URL."""

    def __init__(self, words: str, obstacle: Obstacle) -> None:
        self.obstacle: Obstacle = obstacle
        super().__init__(words)


class Channel(Protocol):
    """A way to tell people. It keeps nothing, so that it can be opened at any time."""

    def send(self, message: Message, address: str, now: datetime) -> None:
        """Tell a message once; raises NotToldError where it is not certain that it was taken."""
