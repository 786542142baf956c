"""GCS stores as tests open them: with a key and patience of their own choice."""

from __future__ import annotations

import json
from typing import Any

from evexport_dagster.settings import GcsDestination
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores.gcs import GcsStore
from evexport_dagster.stores.retries import Patience
from evexport_dagster_tests.clouds.places import BUCKET, STEADY


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
