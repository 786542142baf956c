"""Thrift's compact protocol, read as far as it takes to find a field in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_BOOLEANS: Final = (1, 2)  # within a struct their type is their value
_BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 3, 7, 8, 9, 10, 11, 12
_LONG: Final = 15  # a list of so many elements, or more, has its size behind its header


class Compact:
    """A cursor over bytes; `at` is where the next value begins."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        """The next byte."""
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        """The next number of variable length, its sign not decoded."""
        value, shift = 0, 0
        while (byte := self.byte()) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def fields(self) -> Iterator[tuple[int, int]]:
        """(number, kind) of each field of a struct; its value is for the caller to pass."""
        number = 0
        while header := self.byte():
            delta, kind = header >> 4, header & 0x0F
            number = number + delta if delta else self.varint() >> 1
            yield number, kind

    def elements(self) -> tuple[int, int]:
        """(size, kind) of a list or set whose elements follow."""
        header = self.byte()
        size, kind = header >> 4, header & 0x0F
        return (self.varint() if size == _LONG else size), kind

    def skip(self, kind: int) -> None:
        """Pass the value of a field."""
        if kind in _BOOLEANS:
            return
        if kind == _BYTE:
            self.at += 1
        elif kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            size = self.varint()
            self.at += size
        elif kind in (_LIST, _SET):
            size, element = self.elements()
            self._skip_elements(size, (element,))
        elif kind == _MAP:
            size = self.varint()
            kinds = self.byte() if size else 0
            self._skip_elements(size, (kinds >> 4, kinds & 0x0F))
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner)
        else:
            self.varint()

    def _skip_elements(self, size: int, kinds: tuple[int, ...]) -> None:
        for _ in range(size):
            for kind in kinds:
                # Outside of a struct a boolean is a byte.
                self.skip(_BYTE if kind in _BOOLEANS else kind)
