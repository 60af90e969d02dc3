"""Which type a tensor of the hub has in a file.

Truth values stay such. Whole numbers are int64 in the hub, as PyTorch and ONNX count, and int32 in
the file: all of TFLite's kernels take that, and no index into a tensor needs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

_TYPES: Mapping[ir.DataType, np.dtype[Any]] = MappingProxyType(
    {
        ir.DataType.FLOAT: np.dtype(np.float32),
        ir.DataType.BOOL: np.dtype(np.bool_),
        ir.DataType.INT32: np.dtype(np.int32),
        ir.DataType.INT64: np.dtype(np.int32),
    }
)


class CannotLower(Exception):
    """A node that TFLite's builtin operators cannot express; the message says why."""


def type_in_file(value: ir.Value) -> np.dtype[Any]:
    """The type of a computed value that is not quantized; raises CannotLower for other ones."""
    if value.dtype is None:
        return _TYPES[ir.DataType.FLOAT]
    if value.dtype not in _TYPES:
        raise CannotLower(f"gives {value.dtype}; {', '.join(map(str, _TYPES))} are supported")
    return _TYPES[value.dtype]


def in_file(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """A constant that stands for itself in the file's type; raises CannotLower past 32 bits."""
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    if array.dtype.kind != "i":
        return array
    limits = np.iinfo(np.int32)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise CannotLower(f"reads {name}, which does not fit in 32 bits")
    return array.astype(np.int32)
