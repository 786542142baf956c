"""GCS stores as tests open them: with a key and patience of their own choice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from evexport_dagster.settings import GcsDestination
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores.gcs import GcsStore
from evexport_dagster.stores.retries import Patience

BUCKET: Final = "acme-events"
MEBI: Final = 1 << 20
BRIEF: Final = Patience(total=0.2, first=0.1, answer=0.7)
"""For failures that are to be final."""
STEADY: Final = Patience(total=20, first=0.05, longest=1, answer=5)
"""For failures that pass."""


def store_at(
    endpoint: str, key: str, patience: Patience = STEADY, bucket: str = BUCKET, **fields: Any
) -> GcsStore:
    """A store named `acme`."""
    secret = Secret("GCP_KEY")
    destination = GcsDestination(
        type="gcs", bucket=bucket, endpoint=endpoint, service_account=secret, **fields
    )
    return GcsStore("acme", destination, {"GCP_KEY": key}, patience)


def secrets_of(key: str) -> tuple[str, ...]:
    """What of a key file must be seen nowhere, and what bearer tokens and sessions begin with."""
    lines = json.loads(key)["private_key"].split("\n")
    return (lines[1], lines[-3], "ya29.", "upload_id")


def random_file(folder: Path, size: int) -> tuple[Path, bytes]:
    """A file of random bytes, and these."""
    path, data = folder / f"random-{size}", os.urandom(size)
    path.write_bytes(data)
    return path, data
