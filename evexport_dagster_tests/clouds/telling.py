"""What a failure may say, and what it must not."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from evexport_dagster.errors import ExportError


@contextmanager
def told(
    kind: type[ExportError], said: str, caplog: pytest.LogCaptureFixture, *secrets: str
) -> Iterator[None]:
    """Exactly this error of the destination `acme`; no secret in it, behind it, or in a log."""
    assert secrets
    with caplog.at_level(logging.INFO), pytest.raises(ExportError) as raised:
        yield
    error = raised.value
    assert type(error) is kind
    assert str(error).startswith("destination 'acme' could not ")
    raised.match(said)
    assert (error.__cause__, error.__context__) == (None, None)
    left = "\n".join([repr(error), *traceback.format_exception(error), caplog.text])
    assert not [it for it in secrets if it in left]
