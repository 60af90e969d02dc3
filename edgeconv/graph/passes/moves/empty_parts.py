"""Takes out parts that hold no value: a roll by nothing joins one."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common

from edgeconv.graph.view import shape_of


def drop_empty_parts(model: ir.Model) -> None:
    """Rewrites each concatenation in place; what gave the parts goes if nothing else reads it."""
    changed = False
    for node in model.graph:
        if node.op_type != "Concat":
            continue
        filled = [v for v in node.inputs if v is not None and 0 not in shape_of(v)]
        if filled and len(filled) < len(node.inputs):
            node.resize_inputs(len(filled))
            for index, value in enumerate(filled):
                node.replace_input_with(index, value)
            changed = True
    if changed:
        common.RemoveUnusedNodesPass()(model)
