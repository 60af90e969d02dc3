"""The schema classes that ai-edge-litert ships: the one place that imports them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from ai_edge_litert import schema_py_generated as schema

from edgeconv.graph.fusion import ActivationKind, fused_activation

__all__ = ["ACTIVATION", "NO_ACTIVATION", "SAME", "VALID", "absorbed", "schema", "tensor_type"]

SAME: int = schema.Padding.SAME
VALID: int = schema.Padding.VALID

NO_ACTIVATION: int = schema.ActivationFunctionType.NONE
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
        np.dtype(np.float16): schema.TensorType.FLOAT16,
        np.dtype(np.int64): schema.TensorType.INT64,
        np.dtype(np.int32): schema.TensorType.INT32,
        np.dtype(np.int16): schema.TensorType.INT16,
        np.dtype(np.int8): schema.TensorType.INT8,
        np.dtype(np.uint8): schema.TensorType.UINT8,
    }
)


def absorbed(node: ir.Node) -> int:
    """The schema's code of the activation a node absorbs."""
    fused = fused_activation(node)
    return NO_ACTIVATION if fused is None else ACTIVATION[fused.kind]


def tensor_type(dtype: np.dtype[Any]) -> int:
    """The schema's code of an element type."""
    return _TENSOR_TYPE[dtype]
