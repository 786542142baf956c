"""SAS tokens: what can be read in them without the key that signed them.

https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

_SIGNATURE: Final = re.compile(r"(\bsig(?:=|%3D))[^&\s'\"]+", re.IGNORECASE)


class MalformedSasError(ValueError):
    """A text that is no SAS token; the message says why, and holds nothing of it."""


@dataclass(frozen=True)
class Sas:
    """A SAS token without its '?'; times are those of `st` and `se`."""

    token: str = field(repr=False)
    starts: datetime | None = None
    ends: datetime | None = None
    permissions: str | None = None
    """None where a stored access policy holds them."""


def parsed(text: str) -> Sas:
    """The token in a text; raises MalformedSasError."""
    token = text.strip().removeprefix("?")
    if "://" in token:
        raise MalformedSasError("it is a URL; the token is what follows its '?'")
    values = {name: found[0] for name, found in parse_qs(token).items()}
    needed = ["sv", "sig"] if "si" in values else ["sv", "se", "sp", "sig"]
    missing = [it for it in needed if it not in values]
    if missing or any(it.isspace() for it in token):
        raise MalformedSasError(f"it lacks {', '.join(missing)}" if missing else "it has spaces")
    return Sas(
        token, _time("st", values.get("st")), _time("se", values.get("se")), values.get("sp")
    )


def hide_signatures() -> None:
    """Have the one logger that shows whole URLs show them without signatures."""
    logging.getLogger("urllib3.connectionpool").addFilter(_without_signature)


def _time(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedSasError(f"`{name}` in it is no time") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _without_signature(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    record.msg, record.args = _SIGNATURE.sub(r"\1***", message), None
    return True
