"""What fake-gcs-server does not do of Google Cloud Storage, as a proxy before it.

    python gcs_server.py PORT UPSTREAM

Service accounts sign in at POST /token, as at Google. Beyond the control of the front:
    POST /_accounts   {email: {"public_key": PEM, "state": "ok" | "deleted" | "skewed",
                      "allow": {bucket: [permission, ...]}}}; without accounts all is allowed
    POST /_keeps      how many bytes of each chunk of an upload are kept; null for all
    POST /_repeats    "ignore" (as Google does) or "append" (as fake-gcs-server does) bytes of an
                      upload that are sent once more

Strict where fake-gcs-server is lax: tokens, permissions (replacing an object needs
storage.objects.delete), and checksums, which are compared before an object appears.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import google_crc32c
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from evexport_dagster_tests.clouds.front import Answer, Dialect, Front, Request

_OWN: Final = {"/token", "/_accounts", "/_keeps", "/_repeats"}
_UPLOAD: Final = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
_OBJECTS: Final = re.compile(r"/(?:download/)?storage/v1/b/([^/]+)/o(/.+)?")
_BUCKET: Final = re.compile(r"/storage/v1/b/([^/]+)")
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_NAME: Final = re.compile(rb'"name": ?("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True)
class Upload:
    """A resumable upload: the checksum it was begun with, and what has come in."""

    promised: str | None
    size: int = 0
    crc: int = 0


class Gcs(Dialect):
    """Tokens, permissions, checksums and repeated bytes."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._accounts: dict[str, Any] = {}
        self._tokens: dict[str, str] = {}
        self._uploads: dict[str, Upload] = {}
        self._ignores_repeats = True
        self._keeps: int | None = None

    def error(self, status: int, code: str, message: str) -> Answer:
        errors = [{"message": message, "domain": "global", "reason": code}]
        body = {"error": {"code": status, "message": message, "errors": errors}}
        return Answer(status, json.dumps(body).encode())

    def wants_body(self, method: str, path: str) -> bool:
        return path in ("/token", "/_accounts", "/_keeps", "/_repeats") or path.startswith(
            "/upload/"
        )

    def reply(self, request: Request) -> Answer | None:
        body = request.body or b""
        if request.path == "/_accounts":
            self._accounts = json.loads(body)
            return Answer(200, b"{}")
        if request.path == "/_keeps":
            self._keeps = json.loads(body)
            return Answer(200, b"{}")
        if request.path == "/_repeats":
            self._ignores_repeats = json.loads(body) == "ignore"
            return Answer(200, b"{}")
        if request.path == "/token":
            return self._token(parse_qs(body.decode())["assertion"][0])
        return self._denial(request) if self._accounts else None

    def forwarded(self, request: Request) -> Request | Answer:
        upload_id = _upload_id(request.path)
        ranges = _RANGE.fullmatch(request.headers.get("content-range", ""))
        if upload_id not in self._uploads or not ranges or request.body is None:
            return request
        upload, start, total = self._uploads[upload_id], int(ranges[1]), int(ranges[3])
        if start > upload.size:
            return self.error(503, "backendError", "Bytes are missing before these.")
        known = upload.size - start if self._ignores_repeats else 0
        fresh = request.body[known:][: self._keeps]
        crc = int(google_crc32c.extend(upload.crc, fresh))
        size = upload.size + len(fresh)
        if size == total and upload.promised not in (None, _text(crc)):
            message = f'Provided CRC32C "{upload.promised}" doesn\'t match calculated CRC32C.'
            return self.error(400, "invalid", message)
        self._uploads[upload_id] = replace(upload, size=size, crc=crc)
        headers = {**request.headers, "content-range": _range(start + known, len(fresh), total)}
        return replace(request, body=fresh, headers=headers)

    def answered(self, request: Request, status: int, headers: Mapping[str, str]) -> None:
        begun = {name.lower(): value for name, value in headers.items()}.get("location", "")
        if request.method == "POST" and status == 200 and _upload_id(begun):
            self._uploads[_upload_id(begun)] = Upload(json.loads(request.body or b"").get("crc32c"))

    def _token(self, assertion: str) -> Answer:
        head, claims, signature = assertion.split(".")
        email = json.loads(_decoded(claims))["iss"]
        account = self._accounts.get(email)
        state = "deleted" if account is None else account.get("state", "ok")
        if state == "skewed":
            return _no_token("Invalid JWT: Token must be a short-lived token (60 minutes)")
        if account is None or state != "ok":
            return _no_token("Invalid grant: account not found")
        key = load_pem_public_key(account["public_key"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            signed = f"{head}.{claims}".encode()
            key.verify(_decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return _no_token("Invalid JWT Signature.")
        token = "ya29." + secrets.token_urlsafe(20)
        self._tokens[token] = email
        document = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return Answer(200, json.dumps(document).encode())

    def _denial(self, request: Request) -> Answer | None:
        bucket, needed = self._needed(request)
        if not needed:
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        who = self._tokens.get(token)
        if who is None:
            return self.error(401, "authError", "Invalid Credentials")
        allowed = self._accounts.get(who, {}).get("allow", {}).get(bucket, [])
        for permission in needed:
            if permission not in allowed:
                kind = "object" if "objects" in permission else "bucket"
                message = (
                    f"{who} does not have {permission} access to the Google Cloud Storage {kind}. "
                    f"Permission '{permission}' denied on resource (or it may not exist)."
                )
                return self.error(403, "forbidden", message)
        return None

    def _needed(self, request: Request) -> tuple[str, list[str]]:
        """The bucket of a request and the permissions for it."""
        path = urlsplit(request.path).path
        if upload := _UPLOAD.match(path):
            # A session was allowed when it began.
            if _upload_id(request.path):
                return upload[1], []
            replaces = self._is_there(upload[1], request)
            more = ["storage.objects.delete"] if replaces else []
            return upload[1], ["storage.objects.create", *more]
        if objects := _OBJECTS.match(path):
            verbs = {"GET": "get" if objects[2] else "list", "DELETE": "delete"}
            return objects[1], [f"storage.objects.{verbs.get(request.method, 'update')}"]
        bucket = _BUCKET.match(path)
        return (bucket[1], ["storage.buckets.get"]) if bucket else ("", ["storage.buckets.list"])

    def _is_there(self, bucket: str, request: Request) -> bool:
        named = _NAME.search(request.body or b"")
        query = parse_qs(urlsplit(request.path).query)
        name = json.loads(named[1]) if named else query["name"][0]
        url = f"http://127.0.0.1:{self._upstream}/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        try:
            with urllib.request.urlopen(url):
                return True
        except urllib.error.HTTPError:
            return False


def _no_token(description: str) -> Answer:
    document = {"error": "invalid_grant", "error_description": description}
    return Answer(400, json.dumps(document).encode())


def _range(start: int, length: int, total: int) -> str:
    return f"bytes {start}-{start + length - 1}/{total}"


def _upload_id(path: str) -> str:
    return parse_qs(urlsplit(path).query).get("upload_id", [""])[0]


def _text(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


if __name__ == "__main__":
    port, upstream = map(int, sys.argv[1:])
    Front(port, upstream, Gcs(upstream)).serve_forever()
