"""Azure stores as tests open them: with a SAS token and patience of their own choice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from evexport_dagster.settings import AzureDestination
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores.azure import AzureStore
from evexport_dagster.stores.retries import Patience

CONTAINER: Final = "acme-events"
MEBI: Final = 1 << 20
BRIEF: Final = Patience(total=0.2, first=0.1, answer=0.7)
"""For failures that are to be final."""
STEADY: Final = Patience(total=20, first=0.05, longest=1, answer=5)
"""For failures that pass."""


def store_at(
    endpoint: str, sas: str, patience: Patience = STEADY, container: str = CONTAINER, **fields: Any
) -> AzureStore:
    """A store named `acme`."""
    destination = AzureDestination(
        type="azure", container=container, endpoint=endpoint, sas_token=Secret("SAS"), **fields
    )
    return AzureStore("acme", destination, {"SAS": sas}, patience)


def secrets_of(sas: str) -> tuple[str, ...]:
    """What of a SAS token must be seen nowhere."""
    signature = sas.split("sig=")[1].split("&")[0]
    return (sas, signature, unquote(signature))


def random_file(folder: Path, size: int) -> tuple[Path, bytes]:
    """A file of random bytes, and these."""
    path, data = folder / f"random-{size}", os.urandom(size)
    path.write_bytes(data)
    return path, data
