"""What the pages in `docs/` tell the owner of a bucket to create is enough, and is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evexport_dagster.errors import AccessError
from evexport_dagster.settings import load_settings
from evexport_dagster_tests.clouds.gcs_cloud import GcsCloud
from evexport_dagster_tests.clouds.gcs_places import store_at as gcs_store
from evexport_dagster_tests.clouds.pages import DOCS, document
from evexport_dagster_tests.clouds.places import BUCKET, random_file
from evexport_dagster_tests.clouds.s3_cloud import S3Cloud
from evexport_dagster_tests.clouds.s3_places import store_at as s3_store

PAGES = ("s3", "gcs", "azure")
HEAD = """\
account: {id: "1", name: Acme, timezone: UTC}
sources: {lake: {events: {from: e.parquet}, profiles: {from: p.parquet}}}
"""


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_puts_into_evexport_yaml_is_valid(page: str, tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```yaml\n(.*?)^```", (DOCS / f"{page}.md").read_text("utf-8"), re.M | re.S
    )
    assert blocks
    for block in blocks:
        (tmp_path / "evexport.yaml").write_text(HEAD + block, "utf-8")
        assert load_settings(tmp_path).destinations["acme"].type == page


@pytest.mark.parametrize("page", PAGES)
def test_the_readme_leads_to_every_page(page: str) -> None:
    assert f"](docs/{page}.md)" in (DOCS.parent / "README.md").read_text("utf-8")


def test_a_role_with_the_policies_of_the_page(s3_cloud: S3Cloud, tmp_path: Path) -> None:
    s3_cloud.bucket(BUCKET)
    keys = s3_cloud.user("exporter", document("s3", "assume"))
    iam = s3_cloud.iam()
    role = iam.create_role(
        RoleName="event-exports", AssumeRolePolicyDocument=s3_cloud.text(document("s3", "trust"))
    )["Role"]["Arn"]
    policy = s3_cloud.text(document("s3", "policy"))
    iam.put_role_policy(RoleName="event-exports", PolicyName="p", PolicyDocument=policy)
    assert document("s3", "assume")["Statement"][0]["Resource"] == role
    path, data = random_file(tmp_path, 20)
    s3_store(s3_cloud.url, keys, role_arn=role, external_id="acme").put("x", path)
    assert s3_cloud.objects(BUCKET) == {"x": data}
    with pytest.raises(AccessError, match="role cannot be assumed"):
        s3_store(s3_cloud.url, keys, role_arn=role, external_id="other").probe()


def test_every_action_of_the_policy_is_needed(s3_cloud: S3Cloud) -> None:
    s3_cloud.bucket(BUCKET)
    policy = document("s3", "policy")
    for number, statement in enumerate(policy["Statement"]):
        rest = [it for it in policy["Statement"] if it is not statement]
        keys = s3_cloud.user(f"user-{number}", {**policy, "Statement": rest})
        with pytest.raises(AccessError, match=f"allow {statement['Action']}"):
            s3_store(s3_cloud.url, keys).probe()


def test_every_permission_of_the_role_is_needed(gcs_cloud: GcsCloud) -> None:
    bucket = gcs_cloud.bucket(BUCKET)
    permissions = document("gcs", "role")["includedPermissions"]
    gcs_store(gcs_cloud.url, gcs_cloud.account(bucket, *permissions)).probe()
    for permission in permissions:
        rest = [it for it in permissions if it != permission]
        store = gcs_store(gcs_cloud.url, gcs_cloud.account(bucket, *rest))
        with pytest.raises(AccessError, match=permission):
            store.probe()


def test_the_command_of_the_page_makes_the_token_of_the_page() -> None:
    text = (DOCS / "azure.md").read_text("utf-8")
    permissions = document("azure", "sas")["permissions"]
    assert f"--permissions {permissions} " in text
