"""What the graph alone says about the sign of a tensor's values."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds

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
        # Only tensors keep a sign: a constant operand of these is a shape or a list of axes.
        pending.extend(v for v in node.inputs if v is not None and v.const_value is None)
    return True
