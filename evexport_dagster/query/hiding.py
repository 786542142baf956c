"""The ways to hide a value: dropped, hashed or masked, in SQL and, for odd objects, in Python.

Both ways give the same texts. An empty text hides nothing and stays, so that it is still a missing
identity; so do null, NaN and infinities, which are missing in every export.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final

import duckdb
import pyarrow as pa
from duckdb import sqltypes
from duckdb.func import PythonUDFType

from evexport_dagster.query.exact import string_array
from evexport_dagster.spec.model_fields import PiiAction
from evexport_dagster.strict_json import MALFORMED, as_text, read_members
from evexport_dagster.text import sql_literal

_BLOCK: Final = 64
_STARS: Final = "***"
_EMAIL: Final = "[^@ \t\r\n]{2,}(@[^@ \t\r\n]+)"
_PHONE: Final = r"(?:[ +()./-]*[0-9]){7,}[ +()./-]*"
_IS_EMAIL, _IS_PHONE = re.compile(_EMAIL), re.compile(_PHONE)
# No JSON: predicates read what DuckDB can read, which is more than is exported.
_UNREADABLE: Final = "malformed"


def _private_name() -> str:
    return f"private_{token_hex(16)}"


@dataclass(frozen=True)
class Hiding:
    """What happens to which names, and the key of hashes.

    `name` begins the names of all that is private to it: no predicate can know them, and so none
    can read what is behind them.
    """

    actions: Mapping[str, PiiAction]
    key: bytes = field(default=b"", repr=False)
    name: str = field(default_factory=_private_name)

    def register(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make what the SQL below calls.

        The key is in no query: DuckDB hashes, and takes the pads of the key from Python.
        """
        inner, outer = _pads(self.key)
        for name, function, takes, gives in (
            ("object", self._objects, sqltypes.VARCHAR, sqltypes.VARCHAR),
            ("inner", partial(_repeated, inner), sqltypes.BOOLEAN, sqltypes.BLOB),
            ("outer", partial(_repeated, outer), sqltypes.BOOLEAN, sqltypes.BLOB),
        ):
            con.create_function(
                f"{self.name}_{name}", function, [takes], gives, type=PythonUDFType.ARROW
            )

    def sql(self, action: PiiAction, text: str) -> str:
        """SQL for a VARCHAR, hidden; NULL where it is dropped."""
        return {"drop": _dropped, "hash": self._hashed, "mask": _masked}[action](text)

    def object_sql(self, text: str) -> str:
        """SQL for what `object` gives of a text."""
        return f"{self.name}_object({text})"

    def text(self, action: PiiAction, text: str) -> str:
        """What `sql` gives of a text that is hashed or masked."""
        if not text:
            return ""
        if action == "hash":
            return hmac.digest(self.key, text.encode(), "sha256").hex()
        if email := _IS_EMAIL.fullmatch(text):
            return text[0] + _STARS + email[1]
        if _IS_PHONE.fullmatch(text):
            return _STARS + re.sub("[^0-9]", "", text)[-2:]
        return (text[0] if len(text) > 1 else "") + _STARS

    def object(self, text: str) -> str:
        """The text of a JSON object with its members of these names hidden, each time they come
        and however they are spelled; all else stands as it did.

        What is no object comes back as nothing that can be read.
        """
        if read_members(text)[1][MALFORMED]:
            return _UNREADABLE
        members, at = [], _next(text, text.index("{") + 1)
        while text[at] != "}":
            named = _end(text, at)
            value = _next(text, _next(text, named) + 1)
            end = _end(text, value)
            members.append(self._member(text[at:named], text[value:end]))
            at = _next(text, end)
            at = _next(text, at + 1) if text[at] == "," else at
        return f"{{{','.join(member for member in members if member is not None)}}}"

    def _hashed(self, text: str) -> str:
        inner, outer = (f"{self.name}_{pad}({text} = '')" for pad in ("inner", "outer"))
        within = f"unhex(sha256({inner} || encode({text})))"
        return f"CASE {text} WHEN '' THEN '' ELSE sha256({outer} || {within}) END"

    def _objects(self, texts: pa.Array) -> pa.Array:
        return string_array([self.object(text) for text in texts.to_pylist()])

    def _member(self, name: str, value: str) -> str | None:
        """A member from its two tokens; None where it is dropped."""
        label = name[1:-1]
        if "\\" in label:
            (label,) = read_members(f"{{{name}:0}}")[0]
        action = self.actions.get(label)
        if action == "drop":
            return None
        read: dict[str, Any] = read_members(f'{{"":{value}}}')[0] if action else {}
        if action and read:
            value = json.dumps(self.text(action, as_text(read[""])), ensure_ascii=False)
        return f"{name}:{value}"


def _dropped(text: str) -> str:
    return "NULL::VARCHAR"


def _masked(text: str) -> str:
    email, phone = sql_literal(_EMAIL), sql_literal(_PHONE)
    return (
        f"CASE WHEN {text} IS NULL OR {text} = '' THEN {text}"
        f" WHEN regexp_full_match({text}, {email})"
        f" THEN substr({text}, 1, 1) || '{_STARS}' || regexp_extract({text}, {email}, 1)"
        f" WHEN regexp_full_match({text}, {phone})"
        f" THEN '{_STARS}' || right(regexp_replace({text}, '[^0-9]', '', 'g'), 2)"
        f" WHEN length({text}) > 1 THEN substr({text}, 1, 1) || '{_STARS}' ELSE '{_STARS}' END"
    )


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """What HMAC-SHA-256 (RFC 2104) puts before the text, and before the hash of both."""
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _repeated(pad: bytes, rows: pa.Array) -> pa.Array:
    """The pad, for each of some rows."""
    data = pa.py_buffer(pad * len(rows))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(_BLOCK), len(rows), [None, data])


# Numbers are only passed over: `int` refuses very long ones.
_TOKENS = json.JSONDecoder(parse_int=str, parse_float=str)
_BLANKS = re.compile("[ \t\r\n]*")


def _end(text: str, at: int) -> int:
    """Where the value that begins here ends."""
    return _TOKENS.raw_decode(text, at)[1]


def _next(text: str, at: int) -> int:
    """Where the next token begins."""
    found = _BLANKS.match(text, at)
    assert found is not None, "the pattern matches nothing, too"
    return found.end()
