"""XML: one element a record, groups as key and value entries (product contract, section 4).

A layout may have an element for each value of person and device instead.

Valid for strict parsers: what XML 1.0 forbids becomes U+FFFD, CR is a reference, since a parser
would make a line end of it. Lists and objects are JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evexport_dagster.columns import EventColumns
from evexport_dagster.formats.cells import (
    Group,
    ObjectColumn,
    PropertyGroups,
    picked_cells,
    picked_fast,
)
from evexport_dagster.layouts import CLEVERTAP, Layout
from evexport_dagster.strict_json import as_text
from evexport_dagster.text import XML_MARKUP, sql_literal, xml_text

_ENTRY_END = "</value></entry>"
_FORBIDDEN = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{FFFE}\x{FFFF}]"
_SPECIAL = r"[&<>\x00-\x08\x0b-\x1f\x{FFFE}\x{FFFF}]"
# What the JSON text of an object holds where one of its texts has a character that XML forbids,
# CR, or markup that is not spelled as it is.
_FORBIDDEN_IN_JSON = ("\\u", "\\b", "\\f", "\\r", "\ufffe", "\uffff")


class XmlFormat:
    """The format `xml`; `formats.base` says what its parts are."""

    name = "xml"
    picks_json = False
    flat = False
    any_number_passes = False
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

    def properties(self, columns: EventColumns, whole: str, picked: str) -> str | None:
        if columns.listed:
            return _element(self._properties, _listed(columns, whole, picked))
        return _element(self._properties, _own_order(columns, whole))

    def apart(self, columns: EventColumns, whole: ObjectColumn) -> str:
        return self._groups.apart(columns, whole.text, self._apart(columns, whole))

    def _apart(self, columns: EventColumns, whole: ObjectColumn) -> str:
        merged = [column.sources for column in columns.columns if len(column.sources) > 1]
        if columns.listed or not merged:
            return whole.exact
        # Where but one of several sources is there, a merge is a rename.
        doubled = " OR ".join(
            f"list_count({picked_fast(whole.text, sources, as_json=False)}) > 1"
            for sources in merged
        )
        return f"CASE WHEN {whole.exact} THEN true ELSE {doubled} END"

    def piece(self, members: Mapping[str, Any], columns: EventColumns) -> str:
        groups = self._groups.members(members, columns)
        return "".join(f"<{label}>{_listed_members(values)}</{label}>" for label, values in groups)

    def needs_picked(self, columns: EventColumns) -> bool:
        return columns.listed

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


def _listed_members(members: Mapping[str, Any]) -> str:
    """The entries of the members of an object."""
    return "".join(
        f"{_key(label)}{xml_text(as_text(value))}{_ENTRY_END}" for label, value in members.items()
    )


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


def _listed(columns: EventColumns, whole: str, picked: str) -> str:
    """SQL for the entries of the columns, in their order."""
    cells = picked_cells(columns.columns, picked)
    one_each = all(len(column.sources) == 1 for column in columns.columns)
    values = picked if one_each else f"[{', '.join(cell.text for cell in cells)}]::VARCHAR[]"
    suspicious = _holds(whole, [*XML_MARKUP, *_FORBIDDEN_IN_JSON])
    return _entries(
        [cell.label for cell in cells],
        f"CASE WHEN {suspicious} THEN {_texts(values)} ELSE {values} END",
    )


def _own_order(columns: EventColumns, whole: str) -> str:
    """SQL for the entries of an object's members, in their own order."""
    # Nothing but texts can hold markup: most objects are escaped before they are taken apart.
    escaped = f"CASE WHEN {_holds(whole, XML_MARKUP)} THEN {_no_markup(whole)} ELSE {whole} END"
    all_keys, all_values = "json_keys({})", "json_extract_string({}, '$.*')"
    spelled = _holds(whole, _FORBIDDEN_IN_JSON)
    keys = f"list_transform({all_keys.format(whole)}, lambda x: {_no_markup('x')})"
    keys = f"CASE WHEN {spelled} THEN {keys} ELSE {all_keys.format(escaped)} END"
    values = _texts(all_values.format(whole))
    values = f"CASE WHEN {spelled} THEN {values} ELSE {all_values.format(escaped)} END"
    entry = _entry(columns)
    return f"array_to_string(list_transform(list_zip({keys}, {values}), lambda m: {entry}), '')"


def _entry(columns: EventColumns) -> str:
    """SQL for the entry of `m`, a key without markup and an escaped value."""
    labels = {_escaped(source): xml_text(label) for source, label in columns.label_of.items()}
    others = "".join(
        f" WHEN {sql_literal(source)} THEN {sql_literal(label)}"
        for source, label in labels.items()
        if source != label
    )
    label = f"CASE m[1]{others} ELSE m[1] END" if others else "m[1]"
    return f"concat('<entry><key>', {label}, '</key><value>', m[2], '{_ENTRY_END}')"


def _escaped(name: str) -> str:
    """What `_no_markup` makes of a text."""
    for character, reference in XML_MARKUP.items():
        name = name.replace(character, reference)
    return name


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


def _holds(text: str, some: Iterable[str]) -> str:
    """SQL condition: one of some texts is in another."""
    return f"({' OR '.join(f'contains({text}, {sql_literal(it)})' for it in some)})"
