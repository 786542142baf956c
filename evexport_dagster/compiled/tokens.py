"""The tokens of compact JSON: where each ends, or `WRONG` where it is not proved to be one.

A subset of JSON: no blanks between tokens, no NUL, no lone surrogate. What is refused is not wrong
for that, but has to be read by a parser.
"""

from __future__ import annotations

import numpy as np

from evexport_dagster.compiled import compiled, word_at
from evexport_dagster.compiled.words import WORD, Bytes, first_marked, marked, marked_below

WRONG = -1
QUOTE, BACKSLASH, COMMA, COLON = ord('"'), ord("\\"), ord(","), ord(":")
LEFT_BRACE, RIGHT_BRACE, LEFT_BRACKET, RIGHT_BRACKET = ord("{"), ord("}"), ord("["), ord("]")
_MINUS, _PLUS, _POINT, _ZERO, _NINE = ord("-"), ord("+"), ord("."), ord("0"), ord("9")
_SMALL_E, _LARGE_E, UNICODE = ord("e"), ord("E"), ord("u")
_TRUE, _FALSE, _NULL = ord("t"), ord("f"), ord("n")
_BLANK = ord(" ")
_SURROGATE, _LOW_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xDC00, 0xE000
_FIRST_OF_PAIR = 0x10000
_MOST_DIGITS, _DIGITS_OF_DOUBLE, _DIGITS_OF_EXPONENT = 19, 15, 2


def _bytes_of(texts: str) -> Bytes:
    table = np.zeros(256, np.uint8)
    table[list(texts.encode())] = 1
    return table


_ESCAPED = _bytes_of('"\\/bfnrtu')
_ENDS_RUN = _bytes_of('"\\')
_ENDS_RUN[:_BLANK] = 1
MEANT = np.arange(256)
"""What the character behind a backslash stands for, but for UNICODE."""
for _char, _meant in zip("bfnrt", "\b\f\n\r\t", strict=True):
    MEANT[ord(_char)] = ord(_meant)
HEX_VALUE = np.full(256, 16, np.uint8)
"""The value of each hexadecimal digit; 16 for what is none."""
for _digit in "0123456789abcdefABCDEF":
    HEX_VALUE[ord(_digit)] = int(_digit, 16)


@compiled
def unit_at(data: Bytes, at: int) -> int:
    """The UTF-16 unit that four hexadecimal digits are, or WRONG."""
    unit = 0
    for place in range(at, at + 4):
        value = HEX_VALUE[data[place]]
        if value == 16:
            return WRONG
        unit = unit * 16 + value
    return unit


@compiled
def _unicode_end(data: Bytes, at: int, end: int) -> int:
    """The end of an escape whose digits begin here, that of a pair for the first of one."""
    if at + 4 > end:
        return WRONG
    unit = unit_at(data, at)
    if unit <= 0 or _LOW_SURROGATE <= unit < _AFTER_SURROGATES:
        return WRONG
    if not _SURROGATE <= unit < _LOW_SURROGATE:
        return at + 4
    if at + 10 > end or data[at + 4] != BACKSLASH or data[at + 5] != UNICODE:
        return WRONG
    low = unit_at(data, at + 6)
    return at + 10 if _LOW_SURROGATE <= low < _AFTER_SURROGATES else WRONG


@compiled
def point_at(data: Bytes, at: int) -> tuple[int, int]:
    """The code point that an escape of a proved text is whose digits begin here, and its end."""
    unit = unit_at(data, at)
    if not _SURROGATE <= unit < _LOW_SURROGATE:
        return unit, at + 4
    low = unit_at(data, at + 6) - _LOW_SURROGATE
    return _FIRST_OF_PAIR + ((unit - _SURROGATE) << 10) + low, at + 10


@compiled
def string_end(data: Bytes, at: int, end: int) -> int:
    """Where the closing quote of a text stands that begins here, behind its opening one."""
    while at < end:
        if at + WORD <= end:
            word = word_at(data, at)
            marks = marked(word, QUOTE) | marked(word, BACKSLASH) | marked_below(word, _BLANK)
            if not marks:
                at += WORD
                continue
            at += first_marked(marks)
        byte = data[at]
        if not _ENDS_RUN[byte]:
            at += 1
        elif byte == QUOTE:
            return at
        elif byte != BACKSLASH or at + 1 >= end or not _ESCAPED[data[at + 1]]:
            return WRONG
        elif data[at + 1] == UNICODE:
            at = _unicode_end(data, at + 2, end)
            if at == WRONG:
                return WRONG
        else:
            at += 2
    return WRONG


@compiled
def _digits_end(data: Bytes, at: int, end: int) -> int:
    while at < end and _ZERO <= data[at] <= _NINE:
        at += 1
    return at


@compiled
def number_end(data: Bytes, at: int, end: int) -> int:
    """The end of a number of any length."""
    start = at + (data[at] == _MINUS)
    at = _digits_end(data, start, end)
    if at == start or (data[start] == _ZERO and at > start + 1):
        return WRONG
    if at < end and data[at] == _POINT:
        at = _digits_end(data, at + 1, end)
        if data[at - 1] == _POINT:
            return WRONG
    if at < end and (data[at] == _SMALL_E or data[at] == _LARGE_E):
        at += 1
        if at < end and (data[at] == _PLUS or data[at] == _MINUS):
            at += 1
        exponent = at
        at = _digits_end(data, at, end)
        if at == exponent:
            return WRONG
    return at


@compiled
def is_short(data: Bytes, at: int, end: int) -> bool:
    """Whether a number keeps its value in 64 bits: an integer in an integer's, another one in a
    double's."""
    is_negative = data[at] == _MINUS
    digits, exponent, is_integer = 0, 0, True
    for place in range(at, end):
        byte = data[place]
        if _ZERO <= byte <= _NINE:
            digits += 1
        elif byte in (_SMALL_E, _LARGE_E):
            exponent, digits, is_integer = digits, 0, False
        elif byte == _POINT:
            is_integer = False
    if is_integer:
        return digits < _MOST_DIGITS or (digits == _MOST_DIGITS and not is_negative)
    if not exponent:
        return digits <= _DIGITS_OF_DOUBLE
    return exponent <= _DIGITS_OF_DOUBLE and digits <= _DIGITS_OF_EXPONENT


@compiled
def word_end(data: Bytes, at: int, end: int) -> int:
    """The end of `true` or `false`."""
    if at + 4 <= end and data[at] == _TRUE:
        is_word = data[at + 1] == ord("r") and data[at + 2] == ord("u") and data[at + 3] == ord("e")
        return at + 4 if is_word else WRONG
    if at + 5 <= end and data[at] == _FALSE:
        is_word = data[at + 1] == ord("a") and data[at + 2] == ord("l")
        is_word = is_word and data[at + 3] == ord("s") and data[at + 4] == ord("e")
        return at + 5 if is_word else WRONG
    return WRONG


@compiled
def is_null(data: Bytes, at: int, end: int) -> bool:
    """Whether the word `null` stands here."""
    return (
        at + 4 <= end
        and data[at] == _NULL
        and data[at + 1] == ord("u")
        and data[at + 2] == ord("l")
        and data[at + 3] == ord("l")
    )


@compiled
def past_value(data: Bytes, at: int, end: int) -> int:
    """The end of a value of a text that is proved to be JSON, and ends there."""
    byte = data[at]
    if byte == QUOTE:
        return past_string(data, at + 1, end)
    if byte != LEFT_BRACE and byte != LEFT_BRACKET:
        while byte != COMMA and byte != RIGHT_BRACE and byte != RIGHT_BRACKET:
            at += 1
            byte = data[at]
        return at
    depth = 0
    while True:
        byte = data[at]
        if byte == QUOTE:
            at = past_string(data, at + 1, end)
            continue
        depth += (byte == LEFT_BRACE) + (byte == LEFT_BRACKET)
        depth -= (byte == RIGHT_BRACE) + (byte == RIGHT_BRACKET)
        at += 1
        if depth == 0:
            return at


@compiled
def past_string(data: Bytes, at: int, end: int) -> int:
    """Behind the closing quote of a text that begins here, behind its opening one; what it is part
    of is proved, and ends there."""
    while at + WORD <= end:
        word = word_at(data, at)
        marks = marked(word, QUOTE) | marked(word, BACKSLASH)
        if not marks:
            at += WORD
            continue
        at += first_marked(marks)
        if data[at] == QUOTE:
            return at + 1
        at += 2
    while data[at] != QUOTE:
        at += 1 + (data[at] == BACKSLASH)
    return at + 1
