"""Text on its way out of Python: one function per outlet, so that names stay data."""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import sha256
from itertools import count
from types import MappingProxyType
from typing import Final

SEGMENT_BYTES = 120
_HASH_DIGITS = 12
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LEGIBLE = re.compile(r"[A-Za-z0-9]")
_UNITS = ("B", "kB", "MB", "GB", "TB")
_XML_SPECIAL = re.compile("[&<>\x00-\x08\x0b-\x1f\ufffe\uffff]")

XML_MARKUP: Final = MappingProxyType({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Characters that stand for markup in XML text, and their references; `&` is first."""


def sql_identifier(name: str) -> str:
    """A DuckDB identifier in double quotes, for any name but '', which DuckDB does not have."""
    if not name:
        raise ValueError("DuckDB has no identifier of no characters")
    return '"' + name.replace('"', '""') + '"'


def sql_literal(text: str) -> str:
    """A DuckDB VARCHAR in single quotes: backslashes, line ends and NUL stand for themselves."""
    return "'" + text.replace("'", "''") + "'"


def json_pointer(key: str) -> str:
    """The RFC 6901 pointer to one member of a JSON object; DuckDB's JSON functions take it."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def xml_text(text: str) -> str:
    """The inside of an XML 1.0 element: markup escaped, forbidden characters as U+FFFD, CR as
    `&#13;`. The text has no lone surrogates."""
    return _XML_SPECIAL.sub(_xml_reference, text)


def _xml_reference(special: re.Match[str]) -> str:
    return "&#13;" if special[0] == "\r" else XML_MARKUP.get(special[0], "\ufffd")


def path_segment(name: str, limit: int = SEGMENT_BYTES) -> str:
    """One segment of a path, `[A-Za-z0-9_-]`, 1 to `limit` bytes; the same for ever.

    Each run of other characters becomes one `-`. A longer result is cut and ends in a hash of
    the name; a name without an ASCII letter or digit is its hash alone. The hash is the first
    12 hexadecimal digits of the SHA-256 of the name in UTF-8.
    """
    if not _LEGIBLE.search(name):
        return _hash(name)
    segment = _UNSAFE.sub("-", name)
    return segment if len(segment) <= limit else _with_hash(segment, _hash(name), limit)


def assign_segment(name: str, taken: Collection[str]) -> str:
    """The segment of a name that comes after those whose segments are `taken`.

    `path_segment(name)` where no taken one equals it but for case (object stores tell case
    apart, file systems and query engines may not); else the same with the name's hash appended.
    """
    plain = path_segment(name)
    lowered = {segment.lower() for segment in taken}
    if plain.lower() not in lowered:
        return plain
    # Another name may spell this very hash: each further attempt salts it with one more NUL.
    attempts = (_with_hash(plain, _hash(name + "\0" * salt), SEGMENT_BYTES) for salt in count())
    return next(segment for segment in attempts if segment.lower() not in lowered)


def counted(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """Bytes in the unit that people read, such as `67.8 kB`."""
    value, unit = float(size), 0
    while round(value, 1) >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.1f} {_UNITS[unit]}" if unit else f"{size} B"


def _with_hash(segment: str, digits: str, limit: int) -> str:
    return f"{segment[: limit - len(digits) - 1]}-{digits}"


def _hash(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
