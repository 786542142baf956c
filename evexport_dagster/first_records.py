"""The first records of a file, read back from it: what was delivered, for people to look at.

A few short texts, whatever the file holds: they are kept with the run that Dagster shows.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, XMLPullParser

import pyarrow.parquet as pq

RECORDS: Final = 3
FIELDS: Final = 24
CHARACTERS: Final = 60
_READ: Final = 1 << 16
_LARGEST_WHOLE: Final = 1 << 22

Record = Mapping[str, str]
"""The fields of a record by their labels, those of a group as `group.label`."""


def first_records(path: Path, format_: str, *, is_titled: bool = False) -> tuple[Record, ...]:
    """The first records of a finished file of a format, each cut to a few short fields; `is_titled`
    where the first line of a JSON file is none.

    Fewer, or none, where already the first of them are very long.
    """
    skipped = 1 if is_titled and format_ == "json" else 0
    records = islice(_records(path, format_, skipped), RECORDS)
    return tuple(_cut(record) for record in records)


def _records(path: Path, format_: str, skipped: int) -> Iterator[Mapping[str, object]]:
    if format_ == "parquet":
        return _of_parquet(path)
    with gzip.open(path) as file:
        head = file.read(_READ)
    if format_ == "xml":
        return _of_xml(head)
    # What the cut tore apart is a line without its end.
    text = head[: head.rfind(b"\n") + 1].decode()
    return _of_csv(text, whole=len(head) < _READ) if format_ == "csv" else _of_json(text, skipped)


def _of_csv(text: str, *, whole: bool) -> Iterator[Mapping[str, object]]:
    rows = list(islice(csv.reader(io.StringIO(text)), RECORDS + 2))
    if not whole and len(rows) < RECORDS + 2:
        # A quoted cell has lines of its own: the last record may be torn all the same.
        rows = rows[:-1]
    return (dict(zip(rows[0], row, strict=False)) for row in rows[1:])


def _of_json(text: str, skipped: int) -> Iterator[Mapping[str, object]]:
    # `splitlines` would split within texts, too.
    lines = text.split("\n")[skipped:-1]
    return (_flat(json.loads(line).items()) for line in lines)


def _of_xml(head: bytes) -> Iterator[Mapping[str, object]]:
    parser: XMLPullParser[Element] = XMLPullParser(["start", "end"])
    parser.feed(head)
    depth = 0
    for event in parser.read_events():
        is_end, element = event[0] == "end", event[-1]
        depth += -1 if is_end else 1
        if is_end and depth == 1 and isinstance(element, Element):
            yield _flat((group.tag, _xml_group(group)) for group in element)


def _xml_group(group: Element) -> object:
    entries = group.findall("entry")
    if not entries and not len(group):
        return group.text
    if not entries:
        return {element.tag: element.text for element in group}
    return {entry.findtext("key", ""): entry.findtext("value", "") for entry in entries}


def _of_parquet(path: Path) -> Iterator[Mapping[str, object]]:
    source: Path | io.BytesIO = path
    with path.open("rb") as file:
        is_gzipped = file.read(2) == b"\x1f\x8b"
    if is_gzipped:
        if path.stat().st_size > _LARGEST_WHOLE:
            return
        source = io.BytesIO(gzip.decompress(path.read_bytes()))
    with pq.ParquetFile(source) as opened:
        for batch in islice(opened.iter_batches(batch_size=RECORDS), 1):
            for record in batch.to_pylist():
                yield _flat((name, _parquet_group(value)) for name, value in record.items())


def _parquet_group(value: Any) -> object:
    """A map as pairs, each value of it a struct of which one member is there."""
    if not isinstance(value, list):
        return value
    return {key: _member(held) for key, held in value}


def _member(held: Any) -> object:
    if not isinstance(held, dict):
        return held
    return next((it for it in held.values() if it is not None), None)


def _flat(groups: Iterable[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in groups:
        if isinstance(value, Mapping):
            fields |= {f"{name}.{label}": held for label, held in value.items()}
        else:
            fields[name] = value
    return fields


def _cut(record: Mapping[str, object]) -> Record:
    return {_short(label): _short(_text(value)) for label, value in islice(record.items(), FIELDS)}


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _short(text: str) -> str:
    return text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"
