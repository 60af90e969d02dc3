"""Which type a tensor of the hub has in a file.

Truth values stay such. Whole numbers are int64 in the hub, as PyTorch and ONNX count, and int32 in
the file: all of TFLite's kernels take that, and no index into a tensor needs more. So are the
narrow ones, which nothing may compute with: there they would overflow otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import input_of, is_real

_TYPES: Mapping[ir.DataType, np.dtype[Any]] = MappingProxyType(
    {
        ir.DataType.FLOAT: np.dtype(np.float32),
        ir.DataType.BOOL: np.dtype(np.bool_),
        ir.DataType.INT32: np.dtype(np.int32),
        ir.DataType.INT64: np.dtype(np.int32),
    }
)
#: What reals and truth values may become on their way back, and nothing else.
_NARROW = frozenset({ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16})


class CannotLower(Exception):
    """A node that TFLite's builtin operators cannot express; the message says why."""


def type_in_file(value: ir.Value) -> np.dtype[Any]:
    """The type of a computed value that is not quantized; raises CannotLower for other ones."""
    if value.dtype is None:
        return _TYPES[ir.DataType.FLOAT]
    if value.dtype in _NARROW and all(_converts(node) for node in _around(value)):
        return np.dtype(np.int32)
    if value.dtype not in _TYPES:
        raise CannotLower(f"gives {value.dtype}; {', '.join(map(str, _TYPES))} are supported")
    return _TYPES[value.dtype]


def _around(value: ir.Value) -> list[ir.Node | None]:
    return [value.producer(), *(use.node for use in value.uses())]


def _converts(node: ir.Node | None) -> bool:
    """Whether a node changes the type from or to reals or truth values."""
    if node is None or operator_of(node).kind != "conversion":
        return False
    ends = (input_of(node), node.outputs[0])
    return any(is_real(value) or value.dtype == ir.DataType.BOOL for value in ends)


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
