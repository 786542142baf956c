"""What the stores of all clouds have in common: the verbs, and who learns of a failure what."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import ClassVar, Final, Generic, Literal, TypeVar

from evexport_dagster.errors import AccessError
from evexport_dagster.settings import AzureDestination, GcsDestination, S3Destination
from evexport_dagster.stores.causes import Cause
from evexport_dagster.stores.retries import AT_ONCE, IN_A_HURRY, UPLOADING, Patience

Verb = Literal["open", "list", "write", "remove", "abort"]

_log = logging.getLogger(__name__)
_PROBE: Final = ".evexport-probe"
_PROBED: Final = b"evexport"
_D = TypeVar("_D", bound=S3Destination | GcsDestination | AzureDestination)
_T = TypeVar("_T")


class CloudStore(ABC, Generic[_D]):
    """A bucket or container, to be shared by threads; secrets are read when they are needed."""

    at_once = AT_ONCE

    has_to_remove: ClassVar[bool]
    """Whether who may not remove an object cannot deliver either."""

    def __init__(
        self,
        name: str,
        destination: _D,
        environ: Mapping[str, str] = os.environ,
        patience: Patience = UPLOADING,
        hurry: Patience = IN_A_HURRY,
    ) -> None:
        self.name = name
        self.prefix = f"{destination.prefix}/" if destination.prefix else ""
        self._destination = destination
        self._environ, self._patience, self._hurry = environ, patience, hurry
        self._lock = Lock()
        self.fingerprint = f"{destination.type}:{self._place()}"

    def put(self, key: str, path: Path) -> None:
        self._tried("write", self.uri(key), lambda: self._put(key, path))

    def delete(self, key: str) -> None:
        self._tried("remove", self.uri(key), lambda: self._delete(key, self._patience))

    def probe(self) -> None:
        """Write, then remove; where removing is not allowed the small object stays, and is told."""
        key = f"{self.prefix}{_PROBE}"
        self._tried("write", self.uri(key), lambda: self._put_bytes(key, _PROBED, self._hurry))
        try:
            self._tried("remove", self.uri(key), lambda: self._delete(key, self._hurry))
        except AccessError as error:
            if self.has_to_remove:
                raise
            _log.warning("%s; this one stays", error)

    @abstractmethod
    def uri(self, key: str) -> str:
        """Where people find the object."""

    @abstractmethod
    def _place(self) -> str:
        """The endpoint and the bucket or container, as text."""

    def _tried(self, verb: Verb, place: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except Exception as error:
            cause = self._cause_of(error, verb)
            if cause is None:
                raise
        # Outside of the handler: what SDKs raise can hold keys, signatures and sessions.
        raise cause.error(f"destination {self.name!r} could not {verb} {place}")

    @abstractmethod
    def _put(self, key: str, path: Path) -> None: ...

    @abstractmethod
    def _put_bytes(self, key: str, data: bytes, patience: Patience) -> None: ...

    @abstractmethod
    def _delete(self, key: str, patience: Patience) -> None:
        """One that is not there is no error."""

    @abstractmethod
    def _cause_of(self, error: Exception, verb: Verb) -> Cause | None:
        """What an error of the SDK or of the file means; None for any other."""
