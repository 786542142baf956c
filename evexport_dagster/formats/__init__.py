"""The formats of files, by name: a further one is a file here and a line in the table."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from evexport_dagster.formats.base import (
    Files,
    Format,
    LineFormat,
    RecordFile,
    Records,
    ValueFormat,
)
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster.formats.lines import LineFiles
from evexport_dagster.formats.parquet import ParquetFormat
from evexport_dagster.formats.xml import XmlFormat
from evexport_dagster.layouts import CLEVERTAP, Layout

_MAKERS: dict[str, Callable[[Layout], Format]] = {
    "csv": lambda _: CsvFormat(),
    "json": JsonFormat,
    "xml": XmlFormat,
    "parquet": ParquetFormat,
}


@cache
def format_of(layout: Layout, name: str) -> Format:
    """The format of this name, as a layout has it."""
    return _MAKERS[name](layout)


FORMATS: dict[str, Format] = {name: format_of(CLEVERTAP, name) for name in _MAKERS}
"""The formats of the default layout."""

__all__ = [
    "FORMATS",
    "Files",
    "Format",
    "LineFormat",
    "RecordFile",
    "Records",
    "ValueFormat",
    "files",
    "format_of",
    "shown_as",
]


def files(format_: Format, pool: ThreadPoolExecutor, compression: str, *, stable: bool) -> Files:
    """What makes the files of a format; `stable`: the same records give the same bytes."""
    if isinstance(format_, ValueFormat):
        return format_.files(pool, compression, stable=stable)
    return LineFiles(format_, pool, stable=stable)


def shown_as(layout: Layout, name: str) -> LineFormat:
    """The format in which people are shown records: JSON for those that are no text."""
    format_ = format_of(layout, name)
    return JsonFormat(layout) if isinstance(format_, ValueFormat) else format_
