"""Why a cloud refuses or fails, as text that is safe to show; each store has a table of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import requests
import urllib3

from evexport_dagster.errors import AccessError, UnavailableError

TRY_AGAIN: Final = "the run is tried again by itself"
PASSING_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Cause:
    """What is wrong and what to do about it; `passes` when nobody has to do it.

    What passes may still last for the very same request: `repeats` says whether to send it again.
    """

    what: str
    to_do: str = TRY_AGAIN
    passes: bool = True
    repeats: bool = True

    def error(self, said: str) -> AccessError | UnavailableError:
        """The error for what was tried."""
        kind = UnavailableError if self.passes else AccessError
        return kind(f"{said}: {self.what}; {self.to_do}")


def refused(what: str, to_do: str) -> Cause:
    """A cause that stays until somebody acts."""
    return Cause(what, to_do, passes=False, repeats=False)


def unreadable(error: OSError) -> Cause:
    """The file at hand cannot be read: the store has nothing to do with it."""
    said = error.strerror or type(error).__name__
    return Cause(f"the file cannot be read: {said}", repeats=False)


_BROKEN: Final = (
    ((urllib3.exceptions.NameResolutionError,), Cause("the store's name cannot be resolved")),
    (
        (urllib3.exceptions.NewConnectionError, ConnectionRefusedError),
        Cause("the store cannot be reached: no connection"),
    ),
    (
        (requests.exceptions.SSLError, urllib3.exceptions.SSLError),
        Cause(
            "the store's TLS certificate is not trusted",
            "check `endpoint` and the certificate; the run is tried again",
        ),
    ),
    (
        (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        Cause("the store did not answer in time"),
    ),
)
_BROKE_OFF: Final = Cause("the connection to the store broke off")


def of_network(error: Exception, silent: tuple[type[Exception], ...] = ()) -> Cause:
    """What happened to a connection; `silent` are errors of an SDK that mean no answer."""
    chain = tuple(_chain(error))
    if any(isinstance(it, silent) for it in chain):
        return _BROKEN[-1][1]
    for kinds, cause in _BROKEN:
        if any(isinstance(it, kinds) for it in chain):
            return cause
    return _BROKE_OFF


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those beneath it, wherever their libraries put them."""
    yield error
    named = (getattr(error, name, None) for name in ("reason", "inner_exception"))
    for it in (error.__cause__, error.__context__, *error.args, *named):
        if isinstance(it, BaseException) and it is not error:
            yield from _chain(it)
