"""Divisions by constants become products, which int8 files have.

    x / 2                ->  x * 0.5
    boxes / (8, 8, 4, 4) ->  boxes * (1/8, 1/8, 1/4, 1/4)

The factor is rounded once more than a quotient: by half a unit in the last place of float32.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.view import constant_of

#: Operators that make another whole number of what is off by the last place.
_JUMPS = frozenset({"Cast", "Ceil", "Floor", "Mod", "Round", "Sign"})


def is_made_whole(value: ir.Value) -> bool:
    """Whether whole numbers are made of a value, for which its last place counts."""
    return any(use.node.op_type in _JUMPS for use in value.uses())


def multiply_by_reciprocals(model: ir.Model) -> None:
    """Replaces every division by finite constants, none of them zero or too small to turn over.

    Where whole numbers are made of the quotient it stays.
    """
    for node in model.graph:
        if node.op_type != "Div" or is_made_whole(node.outputs[0]):
            continue
        divisor = constant_of(node.inputs[1])
        if divisor is None or divisor.dtype != np.float32:
            continue
        with np.errstate(divide="ignore", over="ignore"):
            factor = (1 / divisor.astype(np.float64)).astype(np.float32)
        if np.isfinite(factor).all() and (factor != 0).all():
            node.op_type = "Mul"
            node.replace_input_with(1, add_constant(model, f"{node.name}::factor", factor))
