"""Trying again what may pass: with growing waits, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import SystemRandom
from typing import Final, TypeVar

_T = TypeVar("_T")
_CHANCE: Final = SystemRandom()
AT_ONCE: Final = 4
"""Objects that a run uploads at the same time, each of them in a few parts at a time."""


@dataclass(frozen=True)
class Patience:
    """How long a request is repeated that does not succeed; times are in seconds."""

    total: float = 30
    """The time from the first failure until the request is sent for the last time."""

    first: float = 0.2
    longest: float = 5
    answer: float = 60
    """How long the store may be silent within one request."""

    def waits(self) -> Iterator[float]:
        """Each wait is twice the one before, up to the longest; they never end."""
        wait = self.first
        while True:
            yield wait
            wait = min(2 * wait, self.longest)


UPLOADING: Final = Patience()
IN_A_HURRY: Final = Patience(total=5, answer=10)
"""For a probe, which somebody waits for."""


def persistently(
    action: Callable[[], _T], pause: Callable[[Exception], float | None], patience: Patience
) -> _T:
    """The result of `action`, repeated while it raises what passes; else what it raised last.

    `pause` gives the seconds that an error asks to wait, 0 for no wish, None where it stays.
    The time of the first attempt does not count: it may have sent a gigabyte.
    """
    waits, end = patience.waits(), None
    while True:
        try:
            return action()
        except Exception as error:
            asked, now = pause(error), time.monotonic()
            end = now + patience.total if end is None else end
            if asked is None or now >= end:
                raise
        # Those that failed together do not come back together.
        wait = max(next(waits) * _CHANCE.uniform(0.5, 1), asked)
        time.sleep(min(wait, end - now))


def asked_pause(headers: Mapping[str, str] | None) -> float:
    """The seconds that an answer asks to wait, by `Retry-After`; 0 where it says nothing."""
    named = {name.lower(): value for name, value in (headers or {}).items()}
    text = named.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0
