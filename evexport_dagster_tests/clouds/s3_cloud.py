"""What a test does with the S3 server: faults, its log, and accounts with policies."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

REGION: Final = "eu-west-1"
LEAST: Final = ("s3:ListBucket", "s3:PutObject")
"""All that an export needs of a bucket."""

ASSUMING: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}],
}
"""What a user may do who acts by a role only."""


@dataclass(frozen=True)
class Keys:
    """A user's access key."""

    id: str
    secret: str = field(repr=False)
    user: str = ""
    arn: str = ""


def bucket_policy(bucket: str, actions: Sequence[str] = LEAST) -> dict[str, Any]:
    """The policy document that allows `actions` on a bucket and its objects."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass(frozen=True)
class S3Cloud:
    """A running server with IAM enforced; `root` may do everything."""

    url: str
    root: Keys

    @classmethod
    def fresh(cls, url: str) -> S3Cloud:
        """The server, emptied: no buckets, users, faults, and the right time."""
        key, secret = json.loads(_post(f"{url}/_reset", b""))
        return cls(url, Keys(key, secret, "root"))

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the rules of faults."""
        _post(f"{self.url}/_faults", json.dumps(rules).encode())

    def clock(self, seconds: float) -> None:
        """Let so much time pass for sessions: those there are, and those to come."""
        _post(f"{self.url}/_clock", json.dumps(seconds).encode())

    def log(self) -> list[tuple[str, str, int | str, str | None]]:
        """Every request so far: method, path?query, status or "cut", access key id."""
        with urllib.request.urlopen(f"{self.url}/_log") as answer:
            return [tuple(entry) for entry in json.load(answer)]

    def s3(self, keys: Keys | None = None) -> S3Client:
        """A client of its own, for what a test arranges or looks at."""
        client: S3Client = _client("s3", self.url, keys or self.root)
        return client

    def iam(self) -> IAMClient:
        """The users' administration."""
        client: IAMClient = _client("iam", self.url, self.root)
        return client

    def bucket(self, name: str) -> str:
        """A new bucket."""
        self.s3().create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        return name

    def user(self, name: str, policy: Mapping[str, Any] | None = None) -> Keys:
        """A new user with an access key, who may do what the policy says."""
        iam = self.iam()
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        if policy is not None:
            self.allow(name, policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Keys(key["AccessKeyId"], key["SecretAccessKey"], name, arn)

    def allow(self, user: str, policy: Mapping[str, Any]) -> None:
        """Replace what a user may do."""
        document = json.dumps(policy)
        self.iam().put_user_policy(UserName=user, PolicyName="policy", PolicyDocument=document)

    def role(
        self, name: str, who: Keys, policy: Mapping[str, Any], external_id: str | None = None
    ) -> str:
        """The ARN of a new role that a user may assume, with the external id if one is given."""
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"AWS": [who.arn]},
            "Action": "sts:AssumeRole",
        }
        if external_id is not None:
            trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam = self.iam()
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        return role["Role"]["Arn"]

    def session(self, keys: Keys, role: str) -> dict[str, str]:
        """A session of a role, as variables of an environment."""
        given = _client("sts", self.url, keys).assume_role(RoleArn=role, RoleSessionName="test")[
            "Credentials"
        ]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Everything in a bucket, by key."""
        s3 = self.s3()
        keys = [it["Key"] for it in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    @staticmethod
    def text(document: Mapping[str, Any]) -> str:
        """A policy as IAM takes it."""
        return json.dumps(document)

    def uploads(self, bucket: str) -> list[str]:
        """The keys of the multipart uploads that were begun and neither completed nor aborted."""
        listed = self.s3().list_multipart_uploads(Bucket=bucket)
        return [it["Key"] for it in listed.get("Uploads", [])]


@cache
def _client(service: Literal["s3", "iam", "sts"], url: str, keys: Keys) -> Any:
    """The one client of a user: to make one takes longer than most requests."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=keys.id,
        aws_secret_access_key=keys.secret,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def _post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain"}, method="POST")
    with urllib.request.urlopen(request) as answer:
        content: bytes = answer.read()
        return content
