"""`evexport.yaml` as it is written: account, sources, destinations, notices, runtime."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

import pydantic
from pydantic import AfterValidator, Tag, model_validator

from evexport_dagster.spec.fields import (
    MAPPING,
    TEXT,
    Lax,
    Model,
    NonEmpty,
    Wrong,
    at_least_one,
    by_shape,
    nearest,
    no_doubles,
    refuse,
)
from evexport_dagster.spec.model_destinations import Destination
from evexport_dagster.spec.model_sources import Source
from evexport_dagster.spec.texts import (
    Duration,
    Email,
    FilePath,
    Name,
    SecretField,
    Size,
    Text,
    WebUrl,
    has_address,
    has_password,
    text_like,
)

_ID_RULE = "expected an id of letters, digits, '_' and '-'"
_PLAIN_URL = "expected a URL without a password; with one it is a secret: {env: NAME}"


_NO_PLACES = {"Factory", "localtime"}
"""Names among the zones that stand for none: the machine's own, and that of one not set up."""


@cache
def _zones() -> frozenset[str]:
    # To find them takes a hundredth of a second, each time.
    return frozenset(available_timezones() - _NO_PLACES)


def _zone(name: str) -> str:
    known = _zones()
    if name not in known:
        raise refuse(
            Wrong(f"expected an IANA time zone, such as Europe/Paris{nearest(name, known)}")
        )
    return name


class Account(Model):
    """The organisation whose events are exported."""

    id: Annotated[
        str, *text_like(r"[A-Za-z0-9_-]+", "expected an id of letters, digits, '_' and '-'")
    ]
    """The account's id, in quotes where it is a number."""

    name: Text
    """The account's name, for people."""

    timezone: Annotated[str, AfterValidator(_zone)] = pydantic.Field(examples=["Pacific/Honolulu"])
    """The IANA time zone by whose wall clock windows are cut."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)


class Webhook(Model):
    """Who is told over HTTP."""

    url: WebUrl
    """Where notices are posted."""

    secret: SecretField
    """The key that signs them (HMAC-SHA-256)."""


class Mail(Model):
    """Who is told by e-mail, and how it is sent."""

    to: Annotated[
        tuple[Email, ...],
        NonEmpty,
        at_least_one,
        no_doubles("the address"),
    ]
    """Recipients of every notice."""

    from_: Email = pydantic.Field(alias="from")
    """The sender."""

    host: Text
    """The SMTP server; TLS is required."""

    port: Annotated[int, pydantic.Field(ge=1, le=65535)] = 587
    """Its port."""

    user: SecretField | None = None
    """Its user."""

    password: SecretField | None = None
    """Its password."""

    @model_validator(mode="after")
    def _log_in(self) -> Mail:
        if (self.user is None) != (self.password is None):
            given, needed = ("user", "password") if self.user else ("password", "user")
            raise refuse(Wrong(f"required beside `{given}`", (needed,)))
        return self


class Notifications(Model):
    """Who is told what happens to exports."""

    webhook: Webhook | None = None
    """Notices over HTTP."""

    email: Mail | None = None
    """Notices by e-mail."""


class CatalogNames(Model):
    """Event names that extend the built-in lists."""

    system: Annotated[tuple[Text, ...], Lax] = ()
    """More events that `select: system` takes."""

    engagement: Annotated[tuple[Text, ...], Lax] = ()
    """More events that `select: engagement` takes."""


_SQLITE_FILE = re.compile(r"sqlite:///(?!:memory:)[^?]+")
_POSTGRES = re.compile(r"postgresql(\+psycopg)?://")


def _ledger_url(url: str) -> str:
    if has_password(url):
        raise refuse(
            Wrong(
                "expected a URL without a password; with one it is a secret: {env: NAME}",
                shown=False,
            )
        )
    if not (_SQLITE_FILE.fullmatch(url) or (_POSTGRES.match(url) and has_address(url))):
        raise refuse(
            Wrong("expected a URL: sqlite:///PATH, postgresql://HOST/DATABASE, or {env: NAME}")
        )
    return url


LedgerUrl = Annotated[
    Annotated[str, AfterValidator(_ledger_url), Tag(TEXT)] | Annotated[SecretField, Tag(MAPPING)],
    by_shape("a URL, or {env: NAME}"),
]
_NOT_EMPTY = pydantic.Field(json_schema_extra={"minProperties": 1})


def _enough(memory: int) -> int:
    if memory < 64_000_000:
        raise refuse(Wrong("expected 64MB or more: with less DuckDB reads nothing"))
    return memory


_Memory = Annotated[Size, AfterValidator(_enough)]


class Runtime(Model):
    """How much a run may use, and when it starts."""

    memory: _Memory = pydantic.Field(2_000_000_000, examples=["2GB"])
    """The most memory that DuckDB takes."""

    scratch: FilePath = Path(".scratch")
    """The folder in which files are made before they are delivered."""

    scratch_limit: Size = pydantic.Field(50_000_000_000, examples=["50GB"])
    """The most that folder takes."""

    threads: Annotated[int, pydantic.Field(ge=1, le=1024)] = 2
    """Threads of DuckDB, and as many for compression."""

    max_rows_per_file: Annotated[int, pydantic.Field(ge=1, le=10**12)] = 10_000_000
    """Records a file holds at most; the next ones go to another file."""

    settle: Duration = timedelta(minutes=5)
    """How long after its end a window is exported."""

    history_limit: Duration = timedelta(days=365)
    """How far back from creation an export reaches, in whole days."""

    concurrent_runs: Annotated[int, pydantic.Field(ge=1, le=1000)] = 1
    """Runs of this account at one time."""

    ledger: LedgerUrl = "sqlite:///.evexport/ledger.db"
    """The database that knows what was delivered: SQLite, or Postgres by its URL."""


class Project(Model):
    """A project: what all of its exports share."""

    account: Account
    """The organisation whose events are exported."""

    sources: Annotated[dict[Name, Source], at_least_one, _NOT_EMPTY]
    """Where events and profiles come from, by name."""

    destinations: Annotated[dict[Name, Destination], at_least_one, _NOT_EMPTY]
    """Where files go, by name."""

    notifications: Notifications = Notifications()
    """Who is told what happens."""

    catalog: CatalogNames = CatalogNames()
    """Event names that extend the built-in lists."""

    runtime: Runtime = Runtime()
    """How much a run may use, and when it starts."""
