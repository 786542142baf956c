"""The key of every file of an export, from its folder, its file name and a delivery's values."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from evexport_dagster.naming.template import (
    Field,
    Part,
    Template,
    TemplateError,
    Variable,
    segments,
)
from evexport_dagster.text import SEGMENT_BYTES, path_segment

DataType: TypeAlias = Literal["events", "profile"]
FolderPreset: TypeAlias = Literal["root", "data_type", "run_date", "export_id", "event_name"]

_FOLDERS: dict[FolderPreset, tuple[Part, ...]] = {
    "root": (),
    "run_date": (Variable.DATE,),
    "export_id": (Variable.EXPORT_ID,),
    "event_name": (Variable.EVENT_NAME,),
}
_DEFAULT_NAMES: dict[DataType, Template] = {
    "events": Template.parse("{{Event-name}}-{{Date}}-{{Account-id}}-{{Export-id}}"),
    "profile": Template.parse("{{Account-id}}-{{Export-id}}"),
}
_EVENT_SUFFIX: tuple[Part, ...] = ("-", Variable.EVENT_NAME)
# What makes two files of one export differ whatever a template says, readable from the right.
_SUFFIX: tuple[Part, ...] = (
    *("-", Variable.TIMESTAMP),
    *("-", Variable.INSTANCE_ID),
    *("-", Variable.FILE_INDEX),
)
_EXTENSION = re.compile(
    r"(?:\.(?P<format>csv|json|xml|parquet|\{\{ *format *\}\}))?(?P<gzip>\.gz)?$", re.IGNORECASE
)

_ACCOUNT_BYTES = 40
_WIDTHS = {
    Variable.ACCOUNT_ID: _ACCOUNT_BYTES,
    Variable.EXPORT_ID: 11,
    Variable.TIMESTAMP: 11,
    Variable.INSTANCE_ID: 2,
    Variable.DATE: 10,
    Variable.EVENT_NAME: SEGMENT_BYTES,
    Variable.WINDOW_START: 16,
    Variable.WINDOW_END: 16,
    Variable.WINDOW_DATE: 10,
    Variable.FORMAT: 7,
    Variable.FILE_INDEX: 6,
    Variable.FILE_SUFFIX: 7,
    Variable.COMPACT_DATE: 8,
    Variable.START_MILLIS: 19,
    Variable.END_MILLIS: 19,
}
# File systems take 255 bytes a name; object stores 1,024 a key, the destination's prefix included.
_SEGMENT_LIMIT = 255
_KEY_LIMIT = 900


@dataclass(frozen=True)
class Names:
    """The values of one file. `timestamp` (epoch seconds) and `date` are the window's end.

    `event` is the segment assigned to the event, '' for profiles; `window_date` is the day on
    which the window starts. Both dates are those of the account's zone.
    """

    account_id: str
    export_id: int
    timestamp: int
    date: dt.date
    instance_id: int
    file_index: int
    event: str
    window_start: dt.datetime
    window_end: dt.datetime
    window_date: dt.date


@dataclass(frozen=True)
class Naming:
    """How an export names its files. `extension` is `csv.gz`, `parquet` and so on; `fixed` are the
    parts of the file name where a layout has its own.

    Raises TemplateError, with its field, for the first of `naming_faults`.
    """

    folder: FolderPreset | Template = "root"
    file_name: Literal["default"] | Template = "default"
    extension: str = "csv.gz"
    data_type: DataType = "events"
    fixed: tuple[Part, ...] | None = None

    def __post_init__(self) -> None:
        for fault in naming_faults(self.folder, self.file_name, self.extension, self.data_type):
            raise fault

    @property
    def format(self) -> str:
        """`csv`, `json`, `xml` or `parquet`."""
        return _format(self.extension)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The template of the whole key, with all that is added to what the spec says."""
        folder = _folder_parts(self.folder, self.data_type)
        slash = ("/",) if folder else ()
        if self.fixed is not None:
            return (*folder, *slash, *self.fixed, f".{self.extension}")
        name = _stem(self.file_name, self.extension, self.data_type).parts
        forced = _forced((*folder, *name), self.data_type)
        return (*folder, *slash, *name, *forced, f".{self.extension}")

    def key(self, names: Names) -> str:
        """The key, relative to the destination's prefix: `[A-Za-z0-9/_=.-]+`, no leading `/`.

        No two files of one export share a key, even where case does not count, if their events
        have segments that differ so.
        """
        values = _values(names, self.format)
        return "".join(values[part] if isinstance(part, Variable) else part for part in self.parts)


def account_segment(account_id: str) -> str:
    """An account id as keys show it: people choose it, so it is held to a safe segment."""
    return path_segment(account_id, _ACCOUNT_BYTES)


def naming_faults(
    folder: FolderPreset | Template,
    file_name: Literal["default"] | Template,
    extension: str,
    data_type: DataType,
) -> Iterator[TemplateError]:
    """Everything for which parsed templates do not fit an export: events, extension, length."""
    if data_type == "profile":
        yield from _event_faults(folder, "folder")
        yield from _event_faults(file_name, "file_name")
    try:
        name = _stem(file_name, extension, data_type)
    except TemplateError as error:
        yield TemplateError(error.position, error.reason, "file_name")
        return
    folder_parts = _folder_parts(folder, data_type)
    suffix = _width((*_forced((*folder_parts, *name.parts), data_type), f".{extension}"))
    if isinstance(folder, Template):
        yield from _segment_faults(folder, "folder", 0)
    if isinstance(file_name, Template):
        yield from _segment_faults(name, "file_name", suffix)
    if (width := _width(folder_parts) + 1 + _width(name.parts) + suffix) > _KEY_LIMIT:
        longer: Field = "folder" if _width(folder_parts) > _width(name.parts) else "file_name"
        yield TemplateError(1, f"keys can grow to {width} bytes; {_KEY_LIMIT} are safe", longer)


def _event_faults(value: str | Template, where: Field) -> Iterator[TemplateError]:
    if isinstance(value, Template):
        position = value.position_of(Variable.EVENT_NAME)
    else:
        position = 1 if value == "event_name" else None
    if position:
        yield TemplateError(position, "an export of profiles has no event names", where)


def _segment_faults(template: Template, where: Field, suffix: int) -> Iterator[TemplateError]:
    found = [(start, _width(Template.parse(text).parts)) for start, text in segments(template.text)]
    found[-1] = (found[-1][0], found[-1][1] + suffix)
    for start, width in found:
        if width > _SEGMENT_LIMIT:
            reason = f"this name can grow to {width} bytes; file systems take {_SEGMENT_LIMIT}"
            yield TemplateError(start + 1, reason, where)


def _folder_parts(folder: FolderPreset | Template, data_type: DataType) -> tuple[Part, ...]:
    if isinstance(folder, Template):
        return folder.parts
    return (data_type,) if folder == "data_type" else _FOLDERS[folder]


def _stem(
    file_name: Literal["default"] | Template, extension: str, data_type: DataType
) -> Template:
    """The file name without the extension that a person may have typed."""
    if not isinstance(file_name, Template):
        return _DEFAULT_NAMES[data_type]
    typed = _EXTENSION.search(file_name.text)
    if not typed or not typed[0]:
        return file_name
    if not _agrees(typed, extension):
        reason = f"{typed[0]!r} contradicts the format: these files end in '.{extension}'"
        raise TemplateError(typed.start() + 1, reason)
    stem = file_name.text[: typed.start()]
    if not stem or stem.endswith("/"):
        raise TemplateError(typed.start() + 1, f"there is no name before {typed[0]!r}")
    return Template.parse(stem)


def _agrees(typed: re.Match[str], extension: str) -> bool:
    format_typed = (typed["format"] or "{{").lower()
    format_fits = format_typed.startswith("{{") or format_typed == _format(extension)
    return format_fits and (not typed["gzip"] or extension.endswith(".gz"))


def _forced(parts: tuple[Part, ...], data_type: DataType) -> tuple[Part, ...]:
    if data_type == "profile" or Variable.EVENT_NAME in parts:
        return _SUFFIX
    return _EVENT_SUFFIX + _SUFFIX


def _format(extension: str) -> str:
    return extension.partition(".")[0]


def _width(parts: tuple[Part, ...]) -> int:
    return sum(_WIDTHS[part] if isinstance(part, Variable) else len(part) for part in parts)


def _values(names: Names, file_format: str) -> dict[Variable, str]:
    return {
        Variable.ACCOUNT_ID: account_segment(names.account_id),
        Variable.EXPORT_ID: str(names.export_id),
        Variable.TIMESTAMP: str(names.timestamp),
        Variable.INSTANCE_ID: str(names.instance_id),
        Variable.DATE: names.date.isoformat(),
        Variable.EVENT_NAME: names.event,
        Variable.WINDOW_START: _compact(names.window_start),
        Variable.WINDOW_END: _compact(names.window_end),
        Variable.WINDOW_DATE: names.window_date.isoformat(),
        Variable.FORMAT: file_format,
        Variable.FILE_INDEX: str(names.file_index),
        Variable.FILE_SUFFIX: f"-{names.file_index}" if names.file_index else "",
        Variable.COMPACT_DATE: f"{names.date:%Y%m%d}",
        Variable.START_MILLIS: _millis(names.window_start),
        Variable.END_MILLIS: _millis(names.window_end),
    }


def _compact(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")


def _millis(instant: dt.datetime) -> str:
    return f"{_compact(instant)[:-1]}{instant.microsecond // 1000:03}Z"
