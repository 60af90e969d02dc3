"""The schema classes that ai-edge-litert ships: the one place that imports them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeconv.graph.fusion import ActivationKind

__all__ = ["ACTIVATION", "SAME", "VALID", "activation_code", "schema", "tensor_type"]

SAME: int = schema.Padding.SAME
VALID: int = schema.Padding.VALID

ACTIVATION: Mapping[ActivationKind, int] = MappingProxyType(
    {
        "relu": schema.ActivationFunctionType.RELU,
        "relu6": schema.ActivationFunctionType.RELU6,
        "relu_n1_to_1": schema.ActivationFunctionType.RELU_N1_TO_1,
    }
)

_TENSOR_TYPE: Mapping[np.dtype[Any], int] = MappingProxyType(
    {
        np.dtype(np.float32): schema.TensorType.FLOAT32,
        np.dtype(np.int32): schema.TensorType.INT32,
        np.dtype(np.int8): schema.TensorType.INT8,
        np.dtype(np.uint8): schema.TensorType.UINT8,
    }
)


def activation_code(kind: ActivationKind | None) -> int:
    """The schema's code of a fused activation; None is no activation."""
    return int(schema.ActivationFunctionType.NONE) if kind is None else ACTIVATION[kind]


def tensor_type(dtype: np.dtype[Any]) -> int:
    """The schema's code of an element type."""
    return _TENSOR_TYPE[dtype]
