"""The schema classes that ai-edge-litert ships: the one place from which files are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import onnx_ir as ir
from ai_edge_litert import schema_py_generated as schema

from edgeconv.graph.fusion import ActivationKind, fused_activation

__all__ = ["SAME", "VALID", "absorbed", "activation", "elementwise", "schema", "tensor_type"]

SAME: int = schema.Padding.SAME
VALID: int = schema.Padding.VALID


_FUSING: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "ADD": schema.AddOptionsT,
        "SUB": schema.SubOptionsT,
        "MUL": schema.MulOptionsT,
        "DIV": schema.DivOptionsT,
    }
)
_PLAIN: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "ABS": schema.AbsOptionsT,
        "NEG": schema.NegOptionsT,
        "EXP": schema.ExpOptionsT,
        "COS": schema.CosOptionsT,
        "ATAN2": schema.ATan2OptionsT,
        "FLOOR_MOD": schema.FloorModOptionsT,
        "POW": schema.PowOptionsT,
        "MAXIMUM": schema.MaximumMinimumOptionsT,
        "MINIMUM": schema.MaximumMinimumOptionsT,
        "HARD_SWISH": schema.HardSwishOptionsT,
        "EQUAL": schema.EqualOptionsT,
        "NOT_EQUAL": schema.NotEqualOptionsT,
        "GREATER": schema.GreaterOptionsT,
        "GREATER_EQUAL": schema.GreaterEqualOptionsT,
        "LESS": schema.LessOptionsT,
        "LESS_EQUAL": schema.LessEqualOptionsT,
        "LOGICAL_AND": schema.LogicalAndOptionsT,
        "LOGICAL_OR": schema.LogicalOrOptionsT,
        "LOGICAL_NOT": schema.LogicalNotOptionsT,
    }
)


def elementwise(code: str, fused: ActivationKind | None = None) -> Any:
    """The options of an operator on each value; None of those that the schema has none for.

    Args:
        code: of the operator.
        fused: the activation behind it, of the four kinds of arithmetic alone.
    """
    if code in _FUSING:
        return _FUSING[code](fusedActivationFunction=activation(fused or "none"))
    return _PLAIN[code]() if code in _PLAIN else None


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
