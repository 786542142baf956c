"""Texts with a form of their own: names, addresses, URLs, sizes, durations, and secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import pydantic
from pydantic import AfterValidator

from evexport_dagster.spec.fields import Model, Written, Wrong, refuse

_NO_LOGIN = "expected a URL without user and password: a secret is never written in YAML"


def matching(pattern: str, allowed: str, *, shown: bool = True) -> AfterValidator:
    """A text that a pattern matches whole."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise refuse(Wrong(allowed, shown=shown))
        return text

    return AfterValidator(check)


def text_like(pattern: str, allowed: str, *, shown: bool = True) -> tuple[Any, Any]:
    """The two annotations of a patterned text: the check, and the pattern for editors."""
    return (
        matching(pattern, allowed, shown=shown),
        pydantic.Field(json_schema_extra={"pattern": f"^(?:{pattern})$"}),
    )


_NAME_RULE = "expected a name of letters, digits, '_' and '-', that starts with a letter"
_LOGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")
EMAIL: Final = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}"

Text = Annotated[str, pydantic.Field(min_length=1)]
Name = Annotated[str, *text_like(r"[A-Za-z][A-Za-z0-9_-]*", _NAME_RULE)]
Email = Annotated[str, *text_like(EMAIL, "expected an e-mail address")]
FilePath = Annotated[Path, Written(Text, Path, lambda path: path.as_posix(), (Path,))]


def has_password(url: str) -> bool:
    """Whether a URL names a user, and so perhaps a password."""
    return bool(_LOGIN.match(url))


def has_address(url: str) -> bool:
    """Whether the host and the port of a URL can be read."""
    try:
        parts = urlsplit(url)
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _web_url(url: str) -> str:
    if has_password(url):
        raise refuse(
            Wrong(
                "expected a URL without user and password: a secret is never written in YAML",
                shown=False,
            )
        )
    if not (re.fullmatch(r"https?://[^\s/?#]+[^\s]*", url) and has_address(url)):
        raise refuse(Wrong("expected a URL, such as https://HOST/PATH or http://HOST:PORT/PATH"))
    return url


WebUrl = Annotated[str, AfterValidator(_web_url), pydantic.Field(examples=["https://host/path"])]

_UNITS: Final[Mapping[str, int]] = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_LONGEST: Final = timedelta(days=100_000)
_SPANS: Final[Mapping[str, str]] = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _size(text: str) -> int:
    number = re.fullmatch(r"([0-9]{1,6})\s?([KMGT]i?B|B)", text)
    if not number or int(number[1]) == 0:
        raise refuse(Wrong("expected a size above zero, such as 64MB or 2GB"))
    return int(number[1]) * _UNITS[number[2]]


def _size_text(size: int) -> str:
    unit = max((unit for unit in _UNITS if size % _UNITS[unit] == 0), key=lambda u: _UNITS[u])
    return f"{size // _UNITS[unit]}{unit}"


def _duration(text: str) -> timedelta:
    number = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if not number:
        raise refuse(Wrong("expected a duration, such as 30s, 5m, 4h or 365d"))
    duration = timedelta(**{_SPANS[number[2]]: int(number[1])})
    if duration > _LONGEST:
        raise refuse(Wrong(f"expected {_LONGEST.days}d or less"))
    return duration


def duration_text(duration: timedelta) -> str:
    """`5m`, `4h`, `365d`: the largest unit that needs no fraction."""
    seconds = int(duration.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


_SizeForm = Annotated[str, pydantic.Field(json_schema_extra={"pattern": "^[0-9]+ ?([KMGT]i?B|B)$"})]
_SpanForm = Annotated[str, pydantic.Field(json_schema_extra={"pattern": "^[0-9]+[smhd]$"})]

Size = Annotated[int, Written(_SizeForm, _size, _size_text, (int,))]
"""Bytes, written `64MB` (10^6) or `64MiB` (2^20)."""

Duration = Annotated[timedelta, Written(_SpanForm, _duration, duration_text, (timedelta,))]
"""A length of time, written `30s`, `5m`, `4h` or `365d`."""


_NO_SECRETS: Final = "a secret is never written in YAML: write {env: NAME}, its variable's name"


class _EnvForm(Model):
    env: Annotated[str, *text_like(r"[A-Za-z_][A-Za-z0-9_]*", _NO_SECRETS, shown=False)]
    """The environment variable that holds the secret."""


@dataclass(frozen=True)
class Secret:
    """A secret by the name of its environment variable; it never holds the value itself."""

    env: str


def _not_plain(value: Any) -> Any:
    if not isinstance(value, dict | _EnvForm):
        raise refuse(Wrong(_NO_SECRETS, shown=False))
    return value


SecretField = Annotated[
    Secret,
    Written(
        Annotated[_EnvForm, pydantic.BeforeValidator(_not_plain)],
        lambda form: Secret(form.env),
        lambda secret: {"env": secret.env},
        (Secret,),
    ),
]
