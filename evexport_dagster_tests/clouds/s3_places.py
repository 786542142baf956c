"""S3 stores as tests open them: with keys, patience and rights of their own choice."""

from __future__ import annotations

from typing import Any

from evexport_dagster.settings import S3Destination
from evexport_dagster.spec.texts import Secret
from evexport_dagster.stores.retries import IN_A_HURRY, Patience
from evexport_dagster.stores.s3 import S3Store
from evexport_dagster_tests.clouds.places import BUCKET, STEADY
from evexport_dagster_tests.clouds.s3_cloud import LEAST, REGION, Keys, S3Cloud, bucket_policy


def store_at(
    endpoint: str,
    keys: Keys | None,
    patience: Patience = STEADY,
    hurry: Patience = IN_A_HURRY,
    **fields: Any,
) -> S3Store:
    """A store named `acme` with a user's keys, or without any."""
    names = ("access_key_id", "secret_access_key") if keys else ()
    destination = S3Destination(
        **{
            "type": "s3",
            "bucket": BUCKET,
            "region": REGION,
            "endpoint": endpoint,
            **{name: Secret(name.upper()) for name in names},
            **fields,
        }
    )
    environ = {"ACCESS_KEY_ID": keys.id, "SECRET_ACCESS_KEY": keys.secret} if keys else {}
    return S3Store("acme", destination, environ, patience, hurry)


def exporter(cloud: S3Cloud, *actions: str) -> Keys:
    """A new bucket, and a user who may do there only what an export needs, or `actions`."""
    cloud.bucket(BUCKET)
    return cloud.user("exporter", bucket_policy(BUCKET, actions or LEAST))
