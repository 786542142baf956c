"""What Azurite does not do of Azure Blob Storage, as a proxy before it.

    python azure_server.py PORT UPSTREAM

A SAS token outside of its time is refused in Azure's words.
"""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from evexport_dagster_tests.clouds.front import Answer, Dialect, Front, Request

_REFUSED: Final = (
    "Server failed to authenticate the request. Make sure the value of Authorization header is "
    "formed correctly including the signature."
)


class Azure(Dialect):
    """Errors as XML, and the times of a SAS token."""

    def error(self, status: int, code: str, message: str, detail: str = "") -> Answer:
        more = f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>" if detail else ""
        body = (
            f'<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
        )
        headers = {"x-ms-error-code": code, "x-ms-request-id": secrets.token_hex(8)}
        return Answer(status, body.encode(), "application/xml", headers)

    def reply(self, request: Request) -> Answer | None:
        query = parse_qs(urlsplit(request.path).query)
        start, end = (_time(query.get(name, [""])[0]) for name in ("st", "se"))
        now = datetime.now(UTC)
        if "sig" not in query or (start or now) <= now < (end or datetime.max.replace(tzinfo=UTC)):
            return None
        detail = (
            "Signature not valid in the specified time frame: "
            f"Start [{start}] - Expiry [{end}] - Current [{now}]"
        )
        return self.error(403, "AuthenticationFailed", _REFUSED, detail)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


if __name__ == "__main__":
    port, upstream = map(int, sys.argv[1:])
    Front(port, upstream, Azure()).serve_forever()
