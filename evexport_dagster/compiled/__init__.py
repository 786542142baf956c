"""Loops over the bytes of texts, compiled: what neither SQL nor Arrow does at the speed of memory.

numba compiles a loop when it is first called, and keeps the result for later processes. A loop does
not hold the interpreter's lock. It reads the bytes of an Arrow array by their address: NumPy arrays
that are handed from function to function are counted at each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit, types
from numba.extending import intrinsic

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """A function of numbers, bytes and NumPy arrays, compiled; no bounds are checked."""
    try:
        made: Any = njit(function, nogil=True, error_model="numpy", cache=True)
    except RuntimeError:  # No folder can be written in which it would be kept.
        made = njit(function, nogil=True, error_model="numpy")
    return cast("_Function", made)


def _bytes_at(_: Any, address: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    pointer: Any = types.CPointer
    return pointer(types.uint8)(address), generated


bytes_at: Any = intrinsic(_bytes_at)
"""The bytes at an address, in a compiled function."""
