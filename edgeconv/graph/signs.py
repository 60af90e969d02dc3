"""What the graph alone says about the sign of a tensor's values."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.view import constant_of

_NONNEGATIVE = frozenset({"Sigmoid", "HardSigmoid", "Softmax", "Abs", "Exp", "Sqrt"})
_KEEPS_SIGN = frozenset(
    {
        "AveragePool",
        "Concat",
        "Flatten",
        "GlobalAveragePool",
        "MaxPool",
        "ReduceMax",
        "ReduceMean",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)


def is_nonnegative(value: ir.Value) -> bool:
    """Whether no value of the tensor can be negative; False where that is not certain."""
    pending, seen = [value], set[str | None]()
    while pending:
        current = pending.pop()
        if current.name in seen:
            continue
        seen.add(current.name)
        node = current.producer()
        if node is None:
            return False
        bounds = clip_bounds(node)
        if (bounds is not None and bounds[0] >= 0) or node.op_type in _NONNEGATIVE:
            continue
        if node.op_type not in _KEEPS_SIGN:
            return False
        if node.op_type == "Concat" and any(_is_negative(v) for v in node.inputs):
            return False
        # Of a constant operand the others keep no sign: it is a shape or a list of axes.
        pending.extend(v for v in node.inputs if v is not None and v.const_value is None)
    return True


def _is_negative(value: ir.Value | None) -> bool:
    array = constant_of(value)
    return array is not None and bool((array < 0).any())
