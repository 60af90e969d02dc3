"""What the graph alone says about the sign of a tensor's values."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of


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
        sign = operator_of(node).sign
        if (bounds is not None and bounds[0] >= 0) or sign == "nonnegative":
            continue
        if sign != "kept" or any(_is_negative(v) for v in node.inputs):
            return False
        pending.extend(v for v in node.inputs if v is not None and v.const_value is None)
    return True


def _is_negative(value: ir.Value | None) -> bool:
    """Whether a constant holds a negative real; of shapes and axes no sign is kept."""
    array = constant_of(value)
    return array is not None and array.dtype.kind == "f" and bool((array < 0).any())
