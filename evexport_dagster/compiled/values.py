"""Values of a JSON object written as the formats of lines spell them.

They are read from objects that are proved or made to be strict and compact JSON.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from evexport_dagster.compiled import compiled, word_at
from evexport_dagster.compiled.tokens import (
    BACKSLASH,
    COMMA,
    MEANT,
    QUOTE,
    UNICODE,
    past_string,
    point_at,
)
from evexport_dagster.compiled.words import WORD, Bytes, copy_bytes, marked, marked_below

AS_JSON: Final = 0
"""As it stands in the object."""
AS_CELL: Final = 1
"""As a cell of CSV: a text decoded, quoted where it has to be; a nested value as a text."""
AS_XML: Final = 2
"""As the text of an XML element: a text decoded, markup and what XML forbids escaped."""
AS_TEXT: Final = 3
"""As the text that it says, a nested value as it stands in the object."""
MOST_BYTES: Final = {AS_JSON: 1, AS_CELL: 3, AS_XML: 5, AS_TEXT: 1}
"""How many bytes each byte of an object can become."""

_LINE_FEED, _CARRIAGE_RETURN = ord("\n"), ord("\r")
_AMPERSAND, _LESS, _GREATER = ord("&"), ord("<"), ord(">")
_FIRST_OF_PAIR = 0x10000
_BLANK = ord(" ")
_NEVER = np.array([0xEF, 0xBF, 0xBE], np.uint8)
"""U+FFFE in UTF-8; U+FFFF is one more."""
_NEVER_BEGINS = int(_NEVER[0])
_IS_SPECIAL = np.zeros(256, np.bool_)
"""What XML has a reference for, or forbids."""
_IS_SPECIAL[[*range(9), *range(11, 32), *b"&<>"]] = True
_IS_MARKED = np.zeros((4, 256), np.bool_)
"""For each way the bytes of JSON that are not written as they stand, and a few more."""
for _way, _marked in {
    AS_CELL: b'\\,"',
    AS_XML: bytes([*range(32), *b"\\&<>", _NEVER[0]]),
    AS_TEXT: b"\\",
}.items():
    _IS_MARKED[_way, [*_marked]] = True


@compiled
def _put(out: Bytes, to: int, byte: int, way: int) -> int:
    """Writes a byte of a text; returns where it ends."""
    if way == AS_CELL:
        if byte == QUOTE:
            out[to] = QUOTE
            to += 1
    elif way == AS_XML and _IS_SPECIAL[byte]:
        return _put_reference(out, to, byte)
    out[to] = byte
    return to + 1


@compiled
def _put_reference(out: Bytes, to: int, byte: int) -> int:
    out[to] = _AMPERSAND
    if byte == _AMPERSAND:
        out[to + 1], out[to + 2], out[to + 3] = ord("a"), ord("m"), ord("p")
        to += 4
    elif byte == _CARRIAGE_RETURN:
        out[to + 1], out[to + 2], out[to + 3] = ord("#"), ord("1"), ord("3")
        to += 4
    elif byte in (_LESS, _GREATER):
        out[to + 1], out[to + 2] = ord("l") if byte == _LESS else ord("g"), ord("t")
        to += 3
    else:
        return _put_replacement(out, to)
    out[to] = ord(";")
    return to + 1


@compiled
def _put_replacement(out: Bytes, to: int) -> int:
    out[to], out[to + 1], out[to + 2] = 0xEF, 0xBF, 0xBD
    return to + 3


@compiled
def _put_point(out: Bytes, to: int, point: int, way: int) -> int:
    """Writes a character in UTF-8."""
    if point < 0x80:
        return _put(out, to, point, way)
    if way == AS_XML and point in (0xFFFE, 0xFFFF):
        return _put_replacement(out, to)
    if point < 0x800:
        out[to] = 0xC0 | point >> 6
    elif point < _FIRST_OF_PAIR:
        out[to], out[to + 1] = 0xE0 | point >> 12, 0x80 | point >> 6 & 0x3F
        to += 1
    else:
        out[to], out[to + 1] = 0xF0 | point >> 18, 0x80 | point >> 12 & 0x3F
        out[to + 2] = 0x80 | point >> 6 & 0x3F
        to += 2
    out[to + 1] = 0x80 | point & 0x3F
    return to + 2


@compiled
def _decoded(out: Bytes, to: int, data: Bytes, at: int, end: int, way: int) -> int:
    """Writes what the inside of a JSON text says."""
    while at < end:
        byte = data[at]
        if byte != BACKSLASH:
            to = _put_byte(out, to, data, at, end, way)
            at += 1
        elif data[at + 1] != UNICODE:
            to = _put(out, to, MEANT[data[at + 1]], way)
            at += 2
        else:
            point, at = point_at(data, at + 2)
            to = _put_point(out, to, point, way)
    return to


@compiled
def _put_byte(out: Bytes, to: int, data: Bytes, at: int, end: int, way: int) -> int:
    """Writes a byte of UTF-8; what XML forbids is replaced at its last byte."""
    byte = data[at]
    if byte < 0x80 or way != AS_XML:
        return _put(out, to, byte, way)
    out[to] = byte
    is_last = byte >= _NEVER[2] and to >= 2
    if is_last and out[to - 1] == _NEVER[1] and out[to - 2] == _NEVER[0]:
        out[to] = 0xBD
    return to + 1


@compiled
def _raw(out: Bytes, to: int, data: Bytes, at: int, end: int, way: int) -> int:
    """Writes bytes as they are, but for what the way escapes."""
    for place in range(at, end):
        to = _put_byte(out, to, data, place, end, way)
    return to


@compiled
def _marks(word: np.uint64, way: int) -> np.uint64:
    """Marks the first of `_IS_MARKED`, and perhaps bytes behind it."""
    marks = marked(word, BACKSLASH)
    if way == AS_CELL:
        return marks | marked(word, COMMA) | marked(word, QUOTE)
    if way == AS_XML:
        marks |= marked(word, _AMPERSAND) | marked(word, _LESS) | marked(word, _GREATER)
        return marks | marked(word, _NEVER_BEGINS) | marked_below(word, _BLANK)
    return marks


@compiled
def _is_plain(data: Bytes, at: int, end: int, way: int) -> bool:
    """Whether these bytes of JSON are written as they stand."""
    while at + WORD <= end:
        if _marks(word_at(data, at), way):
            return False
        at += WORD
    while at < end and not _IS_MARKED[way, data[at]]:
        at += 1
    return at >= end


@compiled
def _moved(out: Bytes, to: int, at: int, end: int) -> int:
    for place in range(end - at):
        out[to + place] = out[at + place]
    return to + end - at


@compiled
def _needs_quotes(out: Bytes, at: int, end: int) -> bool:
    for place in range(at, end):
        if out[place] in (COMMA, QUOTE, _LINE_FEED, _CARRIAGE_RETURN):
            return True
    return at == end


@compiled
def _cell(out: Bytes, to: int, data: Bytes, at: int, end: int, is_text: bool) -> int:
    start = to + 1
    if is_text:
        ends = _decoded(out, start, data, at, end, AS_CELL)
    else:
        ends = _raw(out, start, data, at, end, AS_CELL)
    if not _needs_quotes(out, start, ends):
        return _moved(out, to, start, ends)
    out[to] = out[ends] = QUOTE
    return ends + 1


@compiled
def put_value(out: Bytes, to: int, data: Bytes, at: int, end: int, way: int) -> int:
    """Writes the value that stands at a place of an object; returns where it ends."""
    is_text = way != AS_JSON and data[at] == QUOTE
    if is_text:
        at, end = at + 1, end - 1
    is_copied = way == AS_JSON or (way == AS_TEXT and not is_text)
    # An empty text is quoted: a blank cell is a missing value.
    if is_copied or (_is_plain(data, at, end, way) and (way != AS_CELL or at < end)):
        return copy_bytes(out, to, data, at, end - at)
    if way == AS_CELL:
        return _cell(out, to, data, at, end, is_text)
    if is_text:
        return _decoded(out, to, data, at, end, way)
    return _raw(out, to, data, at, end, way)


@compiled
def past_key(data: Bytes, at: int, end: int) -> int:
    """Where the value begins whose key begins here, with its opening quote."""
    return past_string(data, at + 1, end) + 1
