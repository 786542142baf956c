"""What a test does with the Azure server: faults, its log, containers, and SAS tokens."""

from __future__ import annotations

import base64
import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from azure.storage.blob import BlobServiceClient, generate_container_sas

from evexport_dagster_tests.clouds.azurite.install import installed
from evexport_dagster_tests.clouds.gcs_cloud import post
from evexport_dagster_tests.clouds.process import Server, free_port, running
from evexport_dagster_tests.npm import node

ACCOUNT: Final = "acmestorage"
ACCOUNT_KEY: Final = "YWNtZS1zdG9yYWdlLWtleS1vZi10aGUtdGVzdHM="
_REPOSITORY: Final = Path(__file__).parents[2]
LEAST: Final = "rw"
"""All that an export needs: Read and Write."""


@dataclass(frozen=True)
class AzureCloud:
    """A running server; `upstream` is the same one without faults."""

    front: Server
    upstream: Server

    @property
    def url(self) -> str:
        """The endpoint of a destination."""
        return f"{self.front.url}/{ACCOUNT}"

    def emptied(self) -> AzureCloud:
        """This server without containers and faults."""
        with self._service() as service:
            for container in service.list_containers():
                service.delete_container(container.name)
        self.faults()
        return self

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the rules of faults, and begin a new log."""
        post(f"{self.front.url}/_faults", rules)

    def log(self) -> list[tuple[str, str, int | str | None]]:
        """Every request since the last rules: method, path?query, status or "cut"."""
        with urllib.request.urlopen(f"{self.front.url}/_log") as answer:
            return [tuple(entry) for entry in json.load(answer)]

    def container(self, name: str) -> str:
        """A new container."""
        with self._service() as service:
            service.create_container(name)
        return name

    def sas(
        self, container: str, permissions: str = LEAST, starts: float = -1, ends: float = 1
    ) -> str:
        """A SAS token of a container; its times are hours from now."""
        now = datetime.now(UTC)
        return generate_container_sas(
            ACCOUNT,
            container,
            account_key=ACCOUNT_KEY,
            permission=permissions,
            start=now + timedelta(hours=starts),
            expiry=now + timedelta(hours=ends),
        )

    def keys(self, container: str) -> list[str]:
        """The names of all blobs of a container."""
        with self._service() as service:
            return sorted(service.get_container_client(container).list_blob_names())

    def objects(self, container: str) -> dict[str, bytes]:
        """Everything in a container, by key."""
        with self._service() as service:
            client = service.get_container_client(container)
            return {key: client.download_blob(key).readall() for key in client.list_blob_names()}

    def md5s(self, container: str) -> dict[str, str]:
        """The MD5 that is kept beside each blob, as base64."""
        with self._service() as service:
            listed = service.get_container_client(container).list_blobs()
            md5s = {it.name: it.content_settings.content_md5 for it in listed}
        return {name: base64.b64encode(bytes(md5 or b"")).decode() for name, md5 in md5s.items()}

    def _service(self) -> BlobServiceClient:
        return BlobServiceClient(f"{self.upstream.url}/{ACCOUNT}", ACCOUNT_KEY)


@contextmanager
def azure(logs: Path, keeping: Sequence[str] = ("--inMemoryPersistence",)) -> Iterator[AzureCloud]:
    """An Azure server that has ended afterwards."""
    port, upstream = free_port(), free_port()
    script = [str(node()), str(installed()), "--blobHost", "127.0.0.1", "--blobPort", str(upstream)]
    options = [*keeping, "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"}
    module = "evexport_dagster_tests.clouds.azure_server"
    proxy = [sys.executable, "-m", module, str(port), str(upstream)]
    with (
        running("azurite", [*script, *options], upstream, logs, accounts) as server,
        running("azure", proxy, port, logs, {"PYTHONPATH": str(_REPOSITORY)}) as front,
    ):
        yield AzureCloud(front, server)
