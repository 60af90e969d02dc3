"""The schema classes that ai-edge-litert ships: the one place from which files are written."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import onnx_ir as ir
from ai_edge_litert import schema_py_generated as schema

from edgeconv.graph.fusion import ActivationKind, fused_activation

__all__ = ["SAME", "VALID", "absorbed", "activation", "schema", "tensor_type"]

SAME: int = schema.Padding.SAME
VALID: int = schema.Padding.VALID


def absorbed(node: ir.Node) -> int:
    """The schema's code of the activation a node absorbs."""
    fused = fused_activation(node)
    return activation("none" if fused is None else fused.kind)


def activation(kind: ActivationKind | Literal["none"]) -> int:
    """The schema's code of an activation inside an operator."""
    return int(getattr(schema.ActivationFunctionType, kind.upper()))


def tensor_type(dtype: np.dtype[Any]) -> int:
    """The schema's code of an element type."""
    return int(getattr(schema.TensorType, dtype.name.upper()))
