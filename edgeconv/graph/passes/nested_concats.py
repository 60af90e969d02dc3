"""Concatenations that begin like an earlier one take its result instead of its parts.

    c1 = Concat(a, b)                  c1 = Concat(a, b)
    c2 = Concat(a, b, c)        ->     c2 = Concat(c1, c)
    c3 = Concat(a, b, c, d)            c3 = Concat(c2, d)

The values are the same and no more are copied. Dense blocks otherwise end in concatenations of
dozens of tensors, and XNNPACK takes at most five: DenseNet-121 fell into 43 pieces.
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.view import integer

#: Parts by which an earlier concatenation is known: its axis and what it reads.
_Key = tuple[int, tuple[ir.Value | None, ...]]


def nest_concats(model: ir.Model) -> bool:
    """Rewrites in place; tells whether anything changed."""
    made: dict[_Key, ir.Value] = {}
    changed = False
    for node in model.graph:
        if node.op_type != "Concat":
            continue
        axis, parts = integer(node, "axis", 0), tuple(node.inputs)
        for length in range(len(parts) - 1, 1, -1):
            earlier = made.get((axis, parts[:length]))
            if earlier is not None:
                node.resize_inputs(len(parts) - length + 1)
                for index, value in enumerate((earlier, *parts[length:])):
                    node.replace_input_with(index, value)
                changed = True
                break
        made[axis, parts] = node.outputs[0]
    return changed
