"""S3, STS and IAM: moto, made as strict as Amazon where it is lax, behind a layer of faults.

    python s3_server.py PORT

Beside S3, never authenticated:

    POST /_reset    no buckets, users but `root`, roles, faults and log, and the right time; answers
                    with root's access key, which is the same for ever: id and secret
    POST /_faults   a list of rules that replaces the former ones: `method`, `path` (a pattern of
                    path?query), `after` and `times` (how many matches to let through, then to
                    hit), and what happens: `status` with `code`, `message` and `headers`;
                    `delay` in seconds; `cut_after` or `cut_answer`: the connection breaks after
                    N bytes of the request, or before the answer to a request that was obeyed
    POST /_clock    seconds by which the time of sessions is ahead, of their ends and of new ones
    POST /_log      a list that replaces the log
    GET  /_log      [method, path?query, status or "cut", access key id] of every request
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
import socket
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final
from xml.sax.saxutils import escape

from moto import settings
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam import access_control
from moto.iam.models import iam_backends
from moto.iam.policy_conditions import TrustCondition
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3 import responses
from moto.s3.exceptions import S3ClientError
from moto.sts.models import AssumedRole, sts_backends
from werkzeug.serving import make_server

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
Rule = dict[str, Any]

_DIGESTS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "HTTP_CONTENT_MD5": lambda body: hashlib.md5(body).digest(),
    "HTTP_X_AMZ_CHECKSUM_CRC32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "HTTP_X_AMZ_CHECKSUM_SHA1": lambda body: hashlib.sha1(body).digest(),
    "HTTP_X_AMZ_CHECKSUM_SHA256": lambda body: hashlib.sha256(body).digest(),
}
_EVER: Final = 1 << 30
_EVERYTHING: Final = {"Effect": "Allow", "Action": "*", "Resource": "*"}


class ExpiredTokenError(S3ClientError):
    """What Amazon says of a session that has ended; moto accepts it for ever."""

    code = 400  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__("ExpiredToken", "The provided token has expired.")


class Strictness:
    """What Amazon refuses and moto does not; `clock` is how far sessions are ahead of time."""

    def __init__(self) -> None:
        self.clock = timedelta(0)

    def install(self) -> None:
        """Change moto, in this process and for good."""
        # The requests that are obeyed whoever sends them.
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        # moto asks for another permission than Amazon.
        responses.ACTION_MAP["BUCKET"]["HEAD"]["DEFAULT"] = "ListBucket"
        self._after_init(access_control.IAMUserAccessKey, self._refuse_inactive)
        self._after_init(access_control.AssumedRoleAccessKey, self._refuse_expired)
        self._date_sessions()
        self._ask_for_every_condition()

    def _after_init(self, of: type, check: Callable[[Any, str, str, str], None]) -> None:
        original = of.__init__  # type: ignore[misc]

        def init(
            it: Any, account_id: str, partition: str, access_key_id: str, headers: Any
        ) -> None:
            original(
                it,
                account_id=account_id,
                partition=partition,
                access_key_id=access_key_id,
                headers=headers,
            )
            check(it, account_id, partition, access_key_id)

        of.__init__ = init  # type: ignore[misc]

    def _refuse_inactive(self, it: Any, account_id: str, partition: str, key_id: str) -> None:
        for user in it.backend.list_users("/", None, None):
            for key in user.access_keys:
                if key.access_key_id == key_id and key.status != "Active":
                    raise access_control.CreateAccessKeyFailure(reason="InvalidId")

    def _refuse_expired(self, it: Any, account_id: str, partition: str, key_id: str) -> None:
        for role in sts_backends[account_id][partition].assumed_roles:
            end = role.expiration
            now = datetime.now(UTC) if end.tzinfo else datetime.now(UTC).replace(tzinfo=None)
            if role.access_key_id == key_id and now + self.clock > end:
                raise ExpiredTokenError

    def _date_sessions(self) -> None:
        """A new session ends an hour after the time of the clock."""
        original: Any = AssumedRole.__init__

        def init(it: Any, *arguments: Any, **named: Any) -> None:
            original(it, *arguments, **named)
            it.expiration += self.clock

        AssumedRole.__init__ = init  # type: ignore[method-assign,assignment]

    @staticmethod
    def _ask_for_every_condition() -> None:
        """A trust policy that asks for an external id refuses those who send none."""
        original: Any = TrustCondition.verify_condition

        def verify(it: Any, actual_values: Any) -> bool:
            if it._condition == "StringEquals" and len(actual_values) < len(it._expected_value):
                return False
            return bool(original(it, actual_values))

        TrustCondition.verify_condition = verify  # type: ignore[method-assign,assignment]


class Front:
    """Control, log, faults and checksums, before a request reaches moto."""

    def __init__(self, app: Wsgi, strictness: Strictness) -> None:
        self.app = app
        self.strictness = strictness
        self.rules: list[Rule] = []
        self.log: list[list[Any]] = []
        self.lock = Lock()
        self.root: tuple[str, str] | None = None

    def __call__(self, env: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer a request."""
        query = env.get("QUERY_STRING")
        path = env.get("RAW_URI") or env["PATH_INFO"] + (f"?{query}" if query else "")
        if path in ("/_reset", "/_faults", "/_clock", "/_log"):
            return self._control(path, env, start)
        key = re.search(r"Credential=([^/]+)", env.get("HTTP_AUTHORIZATION", ""))
        entry = [env["REQUEST_METHOD"], path, None, key and key.group(1)]
        self.log.append(entry)
        return self._answer(env, start, entry, self._rule(entry[0], path))

    def _control(self, path: str, env: dict[str, Any], start: Any) -> Iterable[bytes]:
        if path == "/_log" and env["REQUEST_METHOD"] == "GET":
            return _reply(env, start, 200, json.dumps(self.log).encode())
        if path == "/_reset":
            return _reply(env, start, 200, json.dumps(self._reset()).encode())
        body = json.loads(_body(env))
        if path == "/_clock":
            self.strictness.clock = timedelta(seconds=body)
        elif path == "/_log":
            self.log = body
        else:
            with self.lock:
                self.rules = body
        return _reply(env, start, 200, b"{}")

    def _reset(self) -> tuple[str, str]:
        moto_api_backend.reset()
        self.strictness.clock, self.rules, self.log = timedelta(0), [], []
        iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
        iam.create_user("us-east-1", "root")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [_EVERYTHING]})
        iam.put_user_policy("root", "policy", policy)
        key = iam.create_access_key("root")
        self.root = self.root or (key.access_key_id, key.secret_access_key)
        key.access_key_id, key.secret_access_key = self.root
        return self.root

    def _rule(self, method: str, path: str) -> Rule:
        with self.lock:
            for rule in self.rules:
                if rule.get("method", method) != method or not re.search(rule["path"], path):
                    continue
                if rule.get("after", 0) > 0:
                    rule["after"] -= 1
                elif rule.get("times", _EVER) > 0:
                    rule["times"] = rule.get("times", _EVER) - 1
                    return dict(rule)
        return {}

    def _answer(
        self, env: dict[str, Any], start: Any, entry: list[Any], rule: Rule
    ) -> Iterable[bytes]:
        time.sleep(rule.get("delay", 0))
        if "cut_after" in rule:
            entry[2] = "cut"
            env["wsgi.input"].read(min(rule["cut_after"], _length(env)))
            return _cut(env)
        if "status" in rule:
            # A body that nobody reads would reach the client as a broken connection.
            _body(env)
            entry[2], code = rule["status"], str(rule.get("code", "InternalError"))
            # Amazon can begin to answer 200 before it knows that something fails.
            said = entry[2] != 200 or "code" in rule
            error = _error(code, str(rule.get("message", code))) if said else b""
            return _reply(env, start, entry[2], error, rule.get("headers", {}))
        wrong = self._wrong_digest(env)
        if wrong:
            entry[2] = 400
            return _reply(env, start, 400, _error("BadDigest", f"{wrong} did not match."))

        def begin(status: str, headers: Any, *rest: Any) -> Any:
            entry[2] = int(status.split()[0])
            return start(status, headers, *rest)

        answer = self.app(env, begin)
        return _cut(env) if "cut_answer" in rule else answer

    @staticmethod
    def _wrong_digest(env: dict[str, Any]) -> str | None:
        asked = {header: env[header] for header in _DIGESTS if header in env}
        if env["REQUEST_METHOD"] != "PUT" or not asked:
            return None
        body = _body(env)
        env["wsgi.input"] = io.BytesIO(body)
        for header, value in asked.items():
            if base64.b64encode(_DIGESTS[header](body)).decode() != value:
                return header
        return None


def _length(env: dict[str, Any]) -> int:
    return int(env.get("CONTENT_LENGTH") or 0)


def _body(env: dict[str, Any]) -> bytes:
    body: bytes = env["wsgi.input"].read(_length(env))
    return body


def _error(code: str, message: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    ).encode()


def _reply(
    env: dict[str, Any],
    start: Any,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> Iterable[bytes]:
    sent = {"Content-Type": "application/xml", "Content-Length": str(len(body)), **(headers or {})}
    start(f"{status} -", list(sent.items()))
    return [b"" if env["REQUEST_METHOD"] == "HEAD" else body]


def _cut(env: dict[str, Any]) -> Iterable[bytes]:
    connection = env["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()
    raise ConnectionError("cut by a rule")


def main(port: int) -> None:
    """Serve until the end."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    strictness = Strictness()
    strictness.install()
    app = Front(DomainDispatcherApplication(create_backend_app), strictness)
    make_server(
        "127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler
    ).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
