"""Projects made by hand that deliver to the clouds, with exactly the rights of the pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from evexport_dagster_tests.clouds import azure_places, gcs_places
from evexport_dagster_tests.clouds.azure_cloud import AzureCloud
from evexport_dagster_tests.clouds.gcs_cloud import GcsCloud
from evexport_dagster_tests.clouds.pages import document
from evexport_dagster_tests.clouds.s3_cloud import REGION, S3Cloud
from evexport_dagster_tests.handmade import Handmade, at, event

BUCKET: Final = "acme-events"
"""The bucket or container, as the pages call it."""

SERIES: Final = Counter(map(str, range(7)))
"""What a `filled` project delivers."""

Secrets = tuple[str, ...]


@dataclass
class CloudHome(Handmade):
    """A project with the destination `acme` in a cloud; what it reads are the cloud's objects."""

    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Secrets = ()
    uri: str = ""
    objects: Callable[[], Mapping[str, bytes]] = dict

    def tree(self) -> dict[str, bytes]:
        """Every object of the bucket but manifests."""
        return {key: data for key, data in self.objects().items() if "/_manifest-" not in key}

    def spec(self, name: str = "purchases", **changes: object) -> None:
        """Write a spec whose destination is the cloud."""
        super().spec(name, **{"destination": "acme", **changes})


Maker = Callable[[Any, Path, bool], CloudHome]


def s3_home(cloud: S3Cloud, folder: Path, wrong: bool = False, policy: str = "policy") -> CloudHome:
    """For a user with a policy of the page; a wrong one has the secret key of somebody else."""
    cloud.bucket(BUCKET)
    keys = cloud.user("exporter", document("s3", policy))
    secret = "wrong/secret/of/somebody/else/0123456789" if wrong else keys.secret
    return CloudHome(
        folder,
        destinations={
            "acme": {
                "type": "s3",
                "bucket": BUCKET,
                "region": REGION,
                "endpoint": cloud.url,
                "prefix": "a/b",
                "access_key_id": {"env": "ACME_KEY"},
                "secret_access_key": {"env": "ACME_SECRET"},
            }
        },
        environment={"ACME_KEY": keys.id, "ACME_SECRET": secret},
        secrets=(keys.id, secret),
        uri=f"s3://{BUCKET}/a/b",
        objects=lambda: cloud.objects(BUCKET),
    )


def gcs_home(cloud: GcsCloud, folder: Path, wrong: bool = False) -> CloudHome:
    """For a service account with the role of the page; a wrong one has a key of another."""
    cloud.bucket(BUCKET)
    key = cloud.account(BUCKET, *document("gcs", "role")["includedPermissions"])
    key = cloud.key(1) if wrong else key
    return CloudHome(
        folder,
        destinations={
            "acme": {
                "type": "gcs",
                "bucket": BUCKET,
                "endpoint": cloud.url,
                "prefix": "a/b",
                "service_account": {"env": "ACME_GCP_KEY_JSON"},
            }
        },
        environment={"ACME_GCP_KEY_JSON": key},
        secrets=gcs_places.secrets_of(key),
        uri=f"gs://{BUCKET}/a/b",
        objects=lambda: cloud.objects(BUCKET),
    )


def azure_home(cloud: AzureCloud, folder: Path, wrong: bool = False) -> CloudHome:
    """For a SAS token with the permissions of the page; a wrong one has ended."""
    cloud.container(BUCKET)
    permissions = document("azure", "sas")["permissions"]
    token = cloud.sas(BUCKET, permissions, ends=-0.5 if wrong else 1)
    return CloudHome(
        folder,
        destinations={
            "acme": {
                "type": "azure",
                "container": BUCKET,
                "endpoint": cloud.url,
                "prefix": "a/b",
                "sas_token": {"env": "ACME_SAS"},
            }
        },
        environment={"ACME_SAS": token},
        secrets=azure_places.secrets_of(token),
        uri=f"{cloud.url}/{BUCKET}/a/b",
        objects=lambda: cloud.objects(BUCKET),
    )


MAKERS: Final[Mapping[str, Maker]] = {"s3": s3_home, "gcs": gcs_home, "azure": azure_home}


def home_at(
    name: str, request: pytest.FixtureRequest, folder: Path, *, wrong: bool = False
) -> CloudHome:
    """A project at a cloud, with its secrets in the environment of the test."""
    made = MAKERS[name](request.getfixturevalue(f"{name}_cloud"), folder / "project", wrong)
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for variable, value in made.environment.items():
        monkeypatch.setenv(variable, value)
    request.addfinalizer(made.close)
    return made


def filled(home: CloudHome) -> CloudHome:
    """One window, in which an event of two instances fills three files and another one file."""
    home.now = at(1, 1)
    home.configure(max_rows_per_file=3)
    home.events(
        [
            *(event("Charged", at(0, n), instance=n // 4, n=n) for n in range(6)),
            event("App Launched", at(0), n=6),
        ]
    )
    home.spec()
    return home
