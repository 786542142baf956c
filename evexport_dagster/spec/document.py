"""A file's plain values, which know their paths and lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from evexport_dagster.errors import Fault

_KINDS: Final = {
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    date: "a day",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
    type(None): "nothing",
}

ValuePath = tuple[str | int, ...]

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ABSENT: Final = object()


def path_text(path: ValuePath) -> str:
    """`events.each["App Launched"].properties[1]`, as it is written in every message."""
    parts = [_step(step) for step in path]
    return "".join(parts).removeprefix(".")


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_KEY.fullmatch(step):
        return f".{step}"
    return f"[{json.dumps(step, ensure_ascii=not step.isprintable())}]"


@dataclass(frozen=True)
class Document:
    """One file as plain values; `lines` maps the path of each value to its line (from 1)."""

    file: str
    data: dict[str, Any]
    lines: Mapping[ValuePath, int] = field(default_factory=dict)
    faults: Mapping[ValuePath, Fault] = field(default_factory=dict)

    def get(self, path: ValuePath, default: Any = None) -> Any:
        """The value at `path`, or the default."""
        value: Any = self.data
        for step in path:
            value = _child(value, step)
            if value is _ABSENT:
                return default
        return value

    def has(self, path: ValuePath) -> bool:
        """Whether the file says anything at `path`."""
        return self.get(path, _ABSENT) is not _ABSENT

    def match(self, pattern: ValuePath) -> Iterator[tuple[ValuePath, Any]]:
        """Each (path, value) that fits a pattern, in which `*` stands for any key."""
        found: list[tuple[ValuePath, Any]] = [((), self.data)]
        for step in pattern:
            found = [
                ((*path, key), _child(value, key))
                for path, value in found
                for key in (value if step == "*" and isinstance(value, dict) else (step,))
                if _child(value, key) is not _ABSENT
            ]
        yield from found

    def where(self, path: ValuePath) -> str:
        """`exports/x.yaml: events.select[1] (line 12)`; a missing value has its parent's line."""
        known = next((self.lines[p] for p in _upwards(path) if p in self.lines), None)
        line = f"line {known}" if known else ""
        if not path:
            return f"{self.file}: {line}" if line else self.file
        return f"{self.file}: {path_text(path)}{line and f' ({line})'}"

    def fault(self, path: ValuePath, allowed: str, *, found: str | None = None) -> Fault:
        """A fault at `path`; what was found there is shown unless told otherwise."""
        shown = describe(self.get(path, _ABSENT)) if found is None else found
        return Fault(self.where(path), shown, allowed)

    def position(self, path: ValuePath) -> tuple[int, str]:
        """Where faults at `path` are listed: by line, then by path."""
        line = next((self.lines[p] for p in _upwards(path) if p in self.lines), 0)
        return line, path_text(path)


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step, _ABSENT)
    if isinstance(value, list | tuple) and isinstance(step, int) and 0 <= step < len(value):
        return value[step]
    return _ABSENT


def _upwards(path: ValuePath) -> Iterator[ValuePath]:
    return (path[:end] for end in range(len(path), -1, -1))


def describe(value: Any) -> str:
    """A value as messages show it: short, and never the inside of a list or mapping."""
    if value is _ABSENT or value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        return _KINDS[type(value)]
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
