"""Azure stores as tests open them: with a SAS token and patience of their own choice."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from evexport_dagster.settings import AzureDestination
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores.azure import AzureStore
from evexport_dagster.stores.retries import Patience
from evexport_dagster_tests.clouds.places import BUCKET, STEADY


def store_at(
    endpoint: str, sas: str, patience: Patience = STEADY, container: str = BUCKET, **fields: Any
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
