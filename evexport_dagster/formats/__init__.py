"""The formats of files, by name: a further one is a file here and a line in the table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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

_ALL: tuple[Format, ...] = (CsvFormat(), JsonFormat(), XmlFormat(), ParquetFormat())
FORMATS: dict[str, Format] = {format_.name: format_ for format_ in _ALL}

__all__ = [
    "FORMATS",
    "Files",
    "Format",
    "LineFormat",
    "RecordFile",
    "Records",
    "ValueFormat",
    "files",
    "shown_as",
]


def files(format_: Format, pool: ThreadPoolExecutor, compression: str, *, stable: bool) -> Files:
    """What makes the files of a format; `stable`: the same records give the same bytes."""
    if isinstance(format_, ValueFormat):
        return format_.files(pool, compression, stable=stable)
    return LineFiles(format_, pool, stable=stable)


def shown_as(format_: Format) -> LineFormat:
    """The format in which people are shown records: JSON for those that are no text."""
    return JsonFormat() if isinstance(format_, ValueFormat) else format_
