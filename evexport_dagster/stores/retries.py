"""Trying again what may pass: with growing waits, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
    """The sum of all waits."""

    first: float = 0.2
    longest: float = 5
    answer: float = 60
    """How long the store may be silent within one request."""

    def waits(self) -> Iterator[float]:
        """Each wait is twice the one before, within the limits."""
        wait, left = self.first, self.total
        while left > 0:
            yield min(wait, left)
            left -= wait
            wait = min(2 * wait, self.longest)


UPLOADING: Final = Patience()
IN_A_HURRY: Final = Patience(total=5, answer=15)
"""For a probe, which somebody waits for."""


def persistently(
    action: Callable[[], _T], passes: Callable[[Exception], bool], patience: Patience
) -> _T:
    """The result of `action`, repeated while it raises what `passes`; else what it raised last."""
    for wait in patience.waits():
        try:
            return action()
        except Exception as error:
            if not passes(error):
                raise
        # Those that failed together do not come back together.
        time.sleep(wait * _CHANCE.uniform(0.5, 1))
    return action()
