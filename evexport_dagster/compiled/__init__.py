"""Loops over the bytes of texts, compiled: what neither SQL nor Arrow does at the speed of memory.

numba compiles a loop when it is first called, and keeps the result for later processes. A loop does
not hold the interpreter's lock. Texts are given as addresses and lengths (`spans.py`): NumPy arrays
that are handed from function to function would be counted at each call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given", covariant=True)


class compiled(Generic[_Taken, _Given]):  # noqa: N801 - a decorator
    """A function of numbers, bytes and NumPy arrays, compiled; no bounds are checked.

    numba takes half a second to import, so that it is not before the first call.
    """

    def __init__(self, function: Callable[_Taken, _Given]) -> None:
        self._function = function

    def __call__(self, *arguments: _Taken.args, **named: _Taken.kwargs) -> _Given:
        given: _Given = self._made(*arguments, **named)
        return given

    @property
    def _numba_type_(self) -> Any:
        """What numba asks of a function that another one calls."""
        return self._made._numba_type_

    @cached_property
    def _made(self) -> Any:
        numba = _numba()
        # numba would keep a loop until its own file changes, whatever it calls.
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, _folder()
        try:
            return numba.njit(self._function, nogil=True, error_model="numpy", cache=True)
        except RuntimeError:  # No folder can be written in which it would be kept.
            return numba.njit(self._function, nogil=True, error_model="numpy")
        finally:
            numba.config.CACHE_DIR = before


def bytes_at(address: int) -> Any:
    """The bytes at an address, in a compiled function."""
    raise NotImplementedError(address)


def move_bytes(out: Any, to: int, data: Any, at: int, count: int) -> int:
    """Copies bytes, in a compiled function; returns where they end in `out`."""
    raise NotImplementedError(out, to, data, at, count)


def word_at(data: Any, at: int) -> np.uint64:
    """The eight bytes that begin here, the first the lowest, in a compiled function."""
    raise NotImplementedError(data, at)


def half_at(data: Any, at: int) -> np.uint32:
    """The four bytes that begin here, in a compiled function."""
    raise NotImplementedError(data, at)


def put_bits(out: Any, to: int, bits: np.uint64 | np.uint32) -> None:
    """Writes a word, or half of one, in a compiled function."""
    raise NotImplementedError(out, to, bits)


def trailing_zeros(word: np.uint64) -> int:
    """How many of the lowest bits of a word are zero, in a compiled function."""
    raise NotImplementedError(word)


@cache
def _folder() -> str:
    """Another folder for each state of the sources."""
    here = Path(__file__).parent
    sources = b"".join(file.read_bytes() for file in sorted(here.glob("*.py")))
    return str(here / "__pycache__" / hashlib.sha256(sources).hexdigest()[:16])


@cache
def _numba() -> Any:
    """numba, which knows the functions above that stand for instructions."""
    numba, extending = import_module("numba"), import_module("numba.extending")
    tools, types = import_module("numba.core.cgutils"), numba.types
    bytes_, place = types.CPointer(types.uint8), types.Integer
    extending.type_callable(bytes_at)(lambda _: lambda _address: bytes_)
    extending.type_callable(move_bytes)(lambda _: lambda out, to, data, at, count: types.int64)
    extending.type_callable(word_at)(lambda _: lambda data, at: types.uint64)
    extending.type_callable(half_at)(lambda _: lambda data, at: types.uint32)
    extending.type_callable(put_bits)(lambda _: lambda out, to, bits: types.void)
    extending.type_callable(trailing_zeros)(lambda _: lambda word: types.int64)

    @extending.lower_builtin(bytes_at, types.Integer)  # type: ignore[untyped-decorator]
    def _(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

    @extending.lower_builtin(word_at, bytes_, place)  # type: ignore[untyped-decorator]
    @extending.lower_builtin(half_at, bytes_, place)  # type: ignore[untyped-decorator]
    def _(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        bits = context.get_value_type(signature.return_type)
        there = builder.bitcast(tools.pointer_add(builder, *given), bits.as_pointer())
        return builder.load(there, align=1)

    @extending.lower_builtin(put_bits, bytes_, place, types.Integer)  # type: ignore[untyped-decorator]
    def _(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        out, to, bits = given
        there = builder.bitcast(tools.pointer_add(builder, out, to), bits.type.as_pointer())
        builder.store(bits, there, align=1)
        return context.get_dummy_value()

    @extending.lower_builtin(trailing_zeros, types.uint64)  # type: ignore[untyped-decorator]
    def _(_: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], tools.true_bit)

    @extending.lower_builtin(move_bytes, bytes_, place, bytes_, place, place)  # type: ignore[untyped-decorator]
    def _(_: Any, builder: Any, _signature: Any, given: Any) -> Any:
        out, to, data, at, count = given
        target, source = (tools.pointer_add(builder, *it) for it in ((out, to), (data, at)))
        tools.raw_memcpy(builder, target, source, count, 1)
        return builder.add(to, count)

    return numba
