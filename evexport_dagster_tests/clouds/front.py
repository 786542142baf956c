"""A proxy that puts faults between a client and a server, and asks for what the server does not.

Its control, on the same port and never checked:
    POST /_faults   a list of rules, in place of those before; the first that matches is applied:
        "method", "path" (a pattern for path?query), "after" and "times" say to which requests;
        "status" with "code", "message", "headers"   is answered instead of the server, or
                           with "html" what a proxy would say
        "delay"            seconds before anything happens
        "throttle"         bytes of the request's body in a second
        "cut_after"        bytes of the request's body before the connection breaks
        "cut_response_after"   bytes of the answer's body before the connection breaks; with 0
                               nothing of the answer is sent
        "corrupt"          true: one byte of the request's body arrives as another
    GET /_log       every request so far: method, path?query, and its status, "cut" or None
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

_PIECE: Final = 64 << 10
_ENDLESS: Final = 1 << 30
_OF_THE_CONNECTION: Final = {"connection", "expect", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Answer:
    """What is answered instead of the server."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What a client asks, with the headers' names in small letters.

    `body` is None where it is passed on while it comes in.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Dialect:
    """What a kind of store does beyond the server at hand; here nothing."""

    def error(self, status: int, code: str, message: str) -> Answer:
        """An error in the words of that store."""
        return Answer(status, json.dumps({"code": code, "message": message}).encode())

    def wants_body(self, method: str, path: str) -> bool:
        """Whether the whole body is looked at before the server gets it."""
        return False

    def reply(self, request: Request) -> Answer | None:
        """The answer to what the server must not see; None for everything else."""
        return None

    def forwarded(self, request: Request) -> Request | Answer:
        """What the server gets, or what is answered instead."""
        return request

    def answered(self, request: Request, status: int, headers: Mapping[str, str]) -> None:
        """Hear what the server answered."""


class Cut(Exception):  # noqa: N818 - it is what the rule says, not an error
    """The connection is to break here."""


class Front(ThreadingHTTPServer):
    """A proxy in front of the server at `upstream`, a port of loopback."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, upstream: int, dialect: Dialect) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.upstream, self.dialect = upstream, dialect
        self.rules: list[dict[str, Any]] = []
        self.log: list[list[Any]] = []
        self._lock = threading.Lock()

    def rule(self, method: str, path: str) -> dict[str, Any]:
        """The rule for a request, which is then used up by one; {} for none."""
        with self._lock:
            for rule in self.rules:
                if rule.get("method", method) != method:
                    continue
                if not re.search(rule.get("path", ""), path) or rule.get("times", 1) <= 0:
                    continue
                if rule.get("after", 0) > 0:
                    rule["after"] -= 1
                    continue
                rule["times"] = rule.get("times", _ENDLESS) - 1
                return dict(rule)
        return {}

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what tests are about."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Front
    control: ClassVar[tuple[str, ...]] = ("/_faults", "/_log")

    def log_message(self, *_: object) -> None:
        """The log is kept by the front."""

    def do_any(self) -> None:
        """Obey the rules, then pass on."""
        if self.path in self.control:
            self._controlled()
            return
        entry: list[Any] = [self.command, self.path, None]
        self.server.log.append(entry)
        rule = self.server.rule(self.command, self.path)
        time.sleep(rule.get("delay", 0))
        try:
            entry[2] = self._obey(rule) if "status" in rule else self._pass_on(rule)
        except Cut:
            entry[2] = "cut"
            self._break_off()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_any  # noqa: N815

    def _controlled(self) -> None:
        body = b"".join(self._body({}))
        if self.path == "/_faults":
            self.server.rules = json.loads(body)
            self.server.log.clear()
        self._send(Answer(200, json.dumps(self.server.log).encode()))

    def _obey(self, rule: Mapping[str, Any]) -> int:
        for _ in self._body({}):
            pass
        status, code = rule["status"], rule.get("code", "backendError")
        answer = self.server.dialect.error(status, code, rule.get("message", code))
        if "html" in rule:
            answer = Answer(status, rule["html"].encode(), "text/html")
        headers = {**answer.headers, **rule.get("headers", {})}
        return self._send(Answer(answer.status, answer.body, answer.kind, headers))

    def _pass_on(self, rule: Mapping[str, Any]) -> int:
        dialect = self.server.dialect
        body = self._body(rule)
        whole = b"".join(body) if dialect.wants_body(self.command, self.path) else None
        request: Request | Answer | None
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, whole)
        answer = dialect.reply(request)
        forwarded = answer if answer is not None else dialect.forwarded(request)
        if isinstance(forwarded, Answer):
            for _ in body:
                pass
            return self._send(forwarded)
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        try:
            pieces = body if forwarded.body is None else iter([forwarded.body])
            self._ask(upstream, forwarded, pieces)
            response = upstream.getresponse()
            dialect.answered(forwarded, response.status, dict(response.getheaders()))
            self._return(response, rule.get("cut_response_after", _ENDLESS))
            return response.status
        except ConnectionError:
            raise Cut from None
        finally:
            upstream.close()

    def _ask(
        self, upstream: http.client.HTTPConnection, request: Request, pieces: Iterator[bytes]
    ) -> None:
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        upstream.putrequest(request.method, request.path, True, True)
        for name, value in request.headers.items():
            if name == "content-length" and request.body is not None:
                upstream.putheader(name, str(len(request.body)))
            elif name not in _OF_THE_CONNECTION or name == "transfer-encoding":
                upstream.putheader(name, value)
        upstream.endheaders()
        for piece in pieces:
            upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            upstream.send(b"0\r\n\r\n")

    def _return(self, response: http.client.HTTPResponse, cut_after: int) -> None:
        body = response.read()
        if cut_after == 0:
            raise Cut
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in {*_OF_THE_CONNECTION, "content-length"}:
                self.send_header(name, value)
        empty = self.command == "HEAD" or response.status in (204, 304)
        length = response.getheader("Content-Length") if empty else str(len(body))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if len(body) >= cut_after:
            self.wfile.write(body[:cut_after])
            raise Cut
        self.wfile.write(body)

    def _body(self, rule: Mapping[str, Any]) -> Iterator[bytes]:
        """The request's body as it comes in, with its faults."""
        sent = 0
        for piece in self._pieces():
            if sent + len(piece) > rule.get("cut_after", _ENDLESS << 20):
                raise Cut
            if "throttle" in rule:
                time.sleep(len(piece) / rule["throttle"])
            damaged = rule.get("corrupt", False) and sent == 0
            sent += len(piece)
            yield bytes([piece[0] ^ 1]) + piece[1:] if damaged else piece

    def _pieces(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            piece = self.rfile.read1(min(left, _PIECE))
            if not piece:
                raise Cut
            left -= len(piece)
            yield piece

    def _send(self, answer: Answer) -> int:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        return answer.status

    def _break_off(self) -> None:
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.connection.close()
        self.close_connection = True
