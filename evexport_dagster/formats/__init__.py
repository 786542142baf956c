"""The formats of files, by name: a further one is a file here and a line in the table."""

from __future__ import annotations

from evexport_dagster.formats.base import Format
from evexport_dagster.formats.csv import CsvFormat
from evexport_dagster.formats.json import JsonFormat
from evexport_dagster.formats.xml import XmlFormat

FORMATS: dict[str, Format] = {
    format_.name: format_ for format_ in (CsvFormat(), JsonFormat(), XmlFormat())
}

__all__ = ["FORMATS", "Format"]
