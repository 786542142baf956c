"""The template of a folder or a file name: text with `{{Variables}}`, parsed once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias


class Variable(Enum):
    """What a template can ask for, as it is written between the braces (in any case)."""

    ACCOUNT_ID = "Account-id"
    EXPORT_ID = "Export-id"
    TIMESTAMP = "Timestamp"
    INSTANCE_ID = "Instance-id"
    DATE = "Date"
    EVENT_NAME = "Event-name"
    WINDOW_START = "Window-start"
    WINDOW_END = "Window-end"
    WINDOW_DATE = "Window-date"
    FORMAT = "Format"
    # Only the exporter writes these: at the end of every name, and in the names of layouts.
    FILE_INDEX = "File-index"
    FILE_SUFFIX = "File-suffix"
    COMPACT_DATE = "Compact-date"
    START_MILLIS = "Start-millis"
    END_MILLIS = "End-millis"


Part: TypeAlias = str | Variable
Field: TypeAlias = Literal["folder", "file_name"]

UNASKED = {
    Variable.FILE_INDEX,
    Variable.FILE_SUFFIX,
    Variable.COMPACT_DATE,
    Variable.START_MILLIS,
    Variable.END_MILLIS,
}
"""The variables that no template can ask for."""

_VARIABLES = {variable.value.lower(): variable for variable in Variable if variable not in UNASKED}
_LITERAL = re.compile(r"[A-Za-z0-9/_=.-]+")
_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")


class TemplateError(ValueError):
    """What is wrong with a template: the 1-based column, the reason and, if known, the field."""

    def __init__(self, position: int, reason: str, field: Field | None = None) -> None:
        self.position = position
        self.reason = reason
        self.field = field
        super().__init__(f"column {position}: {reason}")


@dataclass(frozen=True)
class Template:
    """Literals and variables in order. `str()` gives the text that parses to an equal template."""

    parts: tuple[Part, ...]
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Template:
        """Parses letters, digits, `/ - _ = .` and `{{Variables}}`; raises TemplateError.

        Blanks just inside the braces are allowed. Every segment between slashes has to be safe
        as the name of a folder in all stores.
        """
        parts = tuple(_parts(text))
        for start, segment in segments(text):
            if reason := _unsafe(segment, start, text):
                raise TemplateError(max(1, min(start + 1, len(text))), reason)
        return cls(parts, text)

    def position_of(self, variable: Variable) -> int | None:
        """The column at which a variable first stands, None where it does not."""
        found = (match for match in _VARIABLE.finditer(self.text) if _named(match) is variable)
        return next((match.start() + 1 for match in found), None)

    def __str__(self) -> str:
        return "".join(
            f"{{{{{part.value}}}}}" if isinstance(part, Variable) else part for part in self.parts
        )


def segments(text: str) -> Iterator[tuple[int, str]]:
    """What stands between the slashes of a template, with its 0-based start."""
    start = 0
    for segment in text.split("/"):
        yield start, segment
        start += len(segment) + 1


def _parts(text: str) -> Iterator[Part]:
    position = 0
    while position < len(text):
        if literal := _LITERAL.match(text, position):
            yield literal[0]
            position = literal.end()
        elif (braces := _VARIABLE.match(text, position)) and (variable := _named(braces)):
            yield variable
            position = braces.end()
        else:
            raise TemplateError(position + 1, _unexpected(text, position))


def _named(braces: re.Match[str]) -> Variable | None:
    return _VARIABLES.get(braces[1].strip(" ").lower())


def _unexpected(text: str, position: int) -> str:
    if braces := _VARIABLE.match(text, position):
        known = ", ".join(variable.value for variable in _VARIABLES.values())
        return f"there is no variable {braces[1].strip(' ')!r}; there are {known}"
    if text[position] in "{}":
        return "these braces do not pair up; a variable is written {{Name}}"
    return f"{text[position]!r} is not allowed; letters a-z, A-Z, digits, / - _ = and . are"


def _unsafe(segment: str, start: int, text: str) -> str | None:
    if not text:
        return "the template is empty"
    if segment in (".", ".."):
        return f"{segment!r} names another folder; a template stays in its own"
    if segment.endswith("."):
        # Azure's clients and Windows drop such dots: two folders would become one.
        return f"{segment!r} ends with a dot, which not every store keeps; leave the dot out"
    if segment:
        return None
    if start == 0:
        return "a slash at the beginning makes a folder without a name; leave it out"
    if start == len(text):
        return "a slash at the end makes a folder without a name; leave it out"
    return "two slashes in a row make a folder without a name; one is enough"
