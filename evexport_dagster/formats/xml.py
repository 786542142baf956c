"""XML: one element a record, groups as key and value entries (product contract, section 4).

A layout may have an element for each value of person and device instead.

Valid for strict parsers: what XML 1.0 forbids becomes U+FFFD, CR is a reference, since a parser
would make a line end of it. Lists and objects are JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from evexport_dagster.columns import EventColumns
from evexport_dagster.compiled.records import Filled
from evexport_dagster.compiled.values import AS_XML
from evexport_dagster.formats.cells import Group, PropertyGroups
from evexport_dagster.layouts import CLEVERTAP, Layout
from evexport_dagster.text import XML_MARKUP, sql_literal, xml_text

_ENTRY_END = "</value></entry>"
_FORBIDDEN = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{FFFE}\x{FFFF}]"
_SPECIAL = r"[&<>\x00-\x08\x0b-\x1f\x{FFFE}\x{FFFF}]"


class XmlFormat:
    """The format `xml`; `formats.base` says what its parts are."""

    name = "xml"
    picks_json = False
    flat = False
    way = AS_XML
    separator = ""

    def __init__(self, layout: Layout = CLEVERTAP) -> None:
        self._properties, self._has_elements = layout.properties, layout.has_elements
        self._groups = PropertyGroups(layout)
        self.begin, self.end = f"<{layout.element}>", f"</{layout.element}>\n"

    def group(self, group: Group) -> str:
        return _element(group.name, self.members(group))

    def members(self, group: Group) -> str:
        if self._has_elements:
            return _elements(group)
        values = f"[{', '.join(cell.text for cell in group.cells)}]::VARCHAR[]"
        return _entries(group.labels, _texts(values))

    def around(self, group: str) -> tuple[str, str]:
        return f"<{group}>", f"</{group}>"

    def properties(self, places: Mapping[str, int], columns: EventColumns) -> Filled:
        return [
            part
            for label, values in self._groups.members(places, columns)
            for part in (f"<{label}>", *_filled(values), f"</{label}>")
        ]

    def event_name(self, label: str, event: str) -> str:
        return f"<{label}>{xml_text(event)}</{label}>"

    def around_time(self, label: str, *, is_number: bool) -> tuple[str, str]:
        return f"<{label}>", f"</{label}>"

    def heading(self, event: str, labels: Sequence[str]) -> Sequence[str]:
        return ()

    def header(self, heading: Sequence[str]) -> bytes:
        return b"<?xml version='1.0' encoding='UTF-8'?><root>\n"

    def footer(self) -> bytes:
        return b"</root>\n"

    def scrubbed(self, chunk: memoryview) -> tuple[bytes | memoryview, int]:
        return chunk, 0

    def count(self, chunks: Iterable[bytes]) -> int:
        end = self.end.rstrip().encode()
        rows, tail, reach = 0, b"", len(end) - 1
        for chunk in chunks:
            # No text holds `<`, so the tag is always a tag; a border may cut it.
            rows += chunk.count(end) + (tail + chunk[:reach]).count(end)
            tail = (tail + chunk[-reach:])[-reach:]
        return rows


def _key(label: str) -> str:
    """What an entry with this label begins with, up to its value."""
    return f"<entry><key>{xml_text(label)}</key><value>"


def _filled(values: Mapping[str, int]) -> Iterator[str | int]:
    for label, place in values.items():
        yield from (_key(label), place, _ENTRY_END)


def _element(name: str, entries: str) -> str:
    """SQL for the element of a group; it is empty where there are no entries."""
    return f"'<{name}>' || coalesce({entries}, '') || '</{name}>'"


def _entries(labels: Sequence[str], values: str) -> str:
    """SQL for the entries of a list of escaped values, each with its label; NULL is missing."""
    keys = f"[{', '.join(sql_literal(_key(label)) for label in labels)}]::VARCHAR[]"
    entry = f"m[1] || m[2] || '{_ENTRY_END}'"
    return f"array_to_string(list_transform(list_zip({keys}, {values}), lambda m: {entry}), '')"


def _elements(group: Group) -> str:
    """SQL for an element of each value, one of each item of a list; NULL is missing."""
    elements = []
    for cell in group.cells:
        before, after = (sql_literal(it) for it in (f"<{cell.label}>", f"</{cell.label}>"))
        items = _texts(cell.items or f"[{cell.text}]::VARCHAR[]")
        each = f"list_transform({items}, lambda x: {before} || x || {after})"
        elements.append(f"array_to_string({each}, '')")
    return f"concat({', '.join(elements)})"


def _texts(values: str) -> str:
    """SQL for a list of values as XML text."""
    special = f"regexp_matches(x, {sql_literal(_SPECIAL)})"
    permitted = f"regexp_replace({_no_markup('x')}, {sql_literal(_FORBIDDEN)}, '\ufffd', 'g')"
    text = f"CASE WHEN {special} THEN replace({permitted}, chr(13), '&#13;') ELSE x END"
    return f"list_transform({values}, lambda x: {text})"


def _no_markup(text: str) -> str:
    """SQL for a text with its markup escaped."""
    for character, reference in XML_MARKUP.items():
        text = f"replace({text}, '{character}', '{reference}')"
    return text
