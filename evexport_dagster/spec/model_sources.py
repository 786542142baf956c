"""Where events and profiles come from, and how their columns are called there."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import pydantic
from pydantic import AfterValidator, model_validator

from evexport_dagster.spec.fields import Model, Wrong, refuse
from evexport_dagster.spec.texts import FilePath, Name, Text

EventsColumn = Literal[
    "event_id",
    "event_name",
    "event_time",
    "profile_id",
    "device",
    "event_props",
    "session_props",
    "instance_id",
    "arrived_at",
]
ProfilesColumn = Literal[
    "profile_id",
    "identities",
    "email",
    "phone",
    "name",
    "gender",
    "dob",
    "properties",
    "comm_prefs",
    "subscription_groups",
    "updated_at",
    "push_token",
    "device",
    "instance_id",
]

REMOTE: Final = re.compile(r"\b(?:s3a?|gcs?|gs|az|azure|abfss?|https?|hf|r2)://", re.IGNORECASE)
"""A path that is not on local disk, wherever it stands in a text."""

CLOUDS: Final = {"s3": "s3", "gs": "gcs", "az": "azure"}
"""What paths of files in clouds begin with, and the type of a destination there."""

_IN_A_CLOUD: Final = re.compile(rf"({'|'.join(CLOUDS)})://[^/*?\[]+/.*[^/]")
_REMOTE_RULE: Final = (
    "expected a local path, or one like s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH"
)


def cloud_of(path: str | None) -> str | None:
    """`s3`, `gcs` or `azure` where a path is of files there."""
    return CLOUDS.get(path.partition("://")[0]) if path and "://" in path else None


def _readable(path: str) -> str:
    if REMOTE.match(path) and not _IN_A_CLOUD.fullmatch(path):
        raise refuse(Wrong(_REMOTE_RULE))
    return path


def _local_sql(sql: str) -> str:
    if REMOTE.search(sql):
        raise refuse(Wrong("expected SQL over local data only: read remote files with `from:`"))
    return sql


class Relation(Model):
    """One relation of a source, and where its canonical columns are."""

    from_: Annotated[Text, AfterValidator(_readable)] | None = pydantic.Field(
        None, alias="from", examples=["lake/events/*.parquet"]
    )
    """A path or glob (local, `s3://`, `gs://`, `az://`); with `database`, a table's name."""

    sql: Annotated[Text, AfterValidator(_local_sql)] | None = None
    """A query over local data, instead of `from`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Relation:
        if (self.from_ is None) == (self.sql is None):
            raise refuse(Wrong("expected either `from` or `sql`"))
        return self


class EventsRelation(Relation):
    """The rows that are events."""

    columns: dict[EventsColumn, Text] = pydantic.Field(default_factory=dict)
    """Canonical column -> a column's name or a SQL expression; others have their own name."""


class ProfilesRelation(Relation):
    """The rows that are profiles."""

    columns: dict[ProfilesColumn, Text] = pydantic.Field(
        default_factory=dict, examples=[{"email": "lower(email)"}]
    )
    """Canonical column -> a column's name or a SQL expression; others have their own name."""


class Source(Model):
    """Where events and profiles come from."""

    events: EventsRelation
    """The rows that are events."""

    profiles: ProfilesRelation
    """The rows that are profiles."""

    connection: Name | None = None
    """A destination whose credentials and endpoint are used to read paths of its kind, in any
    bucket. Without one: the credentials of the environment; `az://` needs one for its account."""

    database: FilePath | None = None
    """A DuckDB database, attached read-only: `from` and `sql` then name its tables."""

    @property
    def clouds(self) -> frozenset[str]:
        """The types of destinations that its paths are of: `s3`, `gcs`, `azure`."""
        if self.database is not None:
            return frozenset()
        found = (cloud_of(relation.from_) for relation in (self.events, self.profiles))
        return frozenset(cloud for cloud in found if cloud)

    @model_validator(mode="after")
    def _connected(self) -> Source:
        if self.connection is not None and not self.clouds:
            raise refuse(
                Wrong("only for paths that start with s3://, gs:// or az://", ("connection",))
            )
        if self.connection is None and "azure" in self.clouds:
            raise refuse(Wrong("required for az:// paths: it names the account", ("connection",)))
        return self
