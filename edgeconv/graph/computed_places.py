"""What the graph tells of places that are computed."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import input_of, is_real


def are_counted_from_the_front(value: ir.Value) -> bool:
    """Whether places are those of the largest or smallest reals, moved or not: never negative."""
    node = value.producer()
    if node is None:
        return False
    operator = operator_of(node)
    if operator.kind in ("reduction", "move") and is_real(input_of(node)):
        return operator.values in ("chosen", "computed") and not is_real(value)
    moves = operator.kind in ("view", "transpose", "identity", "move")
    return moves and not operator.operands and are_counted_from_the_front(input_of(node))
