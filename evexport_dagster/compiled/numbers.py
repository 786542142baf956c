"""Numbers of NumPy as those of Arrow, and back. `pyarrow.array` would import pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers(values: NDArray[Any]) -> pa.Array:
    """Numbers."""
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def booleans(values: NDArray[np.bool_]) -> pa.BooleanArray:
    """Truth values."""
    bits = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, bits])


def integers_of(numbers: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """The values of an array of integers, none of them NULL."""
    if isinstance(numbers, pa.ChunkedArray):
        type_ = numbers.type.to_pandas_dtype()
        return np.concatenate([np.zeros(0, type_), *map(integers_of, numbers.chunks)])
    values = np.frombuffer(numbers.buffers()[1], numbers.type.to_pandas_dtype())
    return values[numbers.offset : numbers.offset + len(numbers)]
