"""Folds explicit zero padding into the convolutions that read it.

Pad (0, 0, 0, 0, 0, 0, 1, 1) -> Conv pads (0, 0, 0, 0)   becomes   Conv pads (0, 0, 1, 1)
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.view import constant_of, ints, shape_of, string


def fold_pads(model: ir.Model) -> None:
    """Removes every Pad that adds zeros in height and width only and is read by Convs alone."""
    for node in tuple(model.graph):
        pads = _spatial_zero_pads(node)
        output = node.outputs[0]
        if pads is None or output.is_graph_output():
            continue
        readers = [use.node for use in output.uses()]
        if not all(_takes_pads(reader, output) for reader in readers):
            continue
        for reader in readers:
            own = ints(reader, "pads", (0, 0, 0, 0))
            total = [a + b for a, b in zip(own, pads, strict=True)]
            reader.attributes["pads"] = ir.AttrInt64s("pads", total)
            reader.replace_input_with(0, node.inputs[0])
        model.graph.remove(node, safe=True)


def _spatial_zero_pads(node: ir.Node) -> tuple[int, int, int, int] | None:
    """(top, left, bottom, right), None for anything else than a non-negative zero padding."""
    if node.op_type != "Pad" or string(node, "mode", "constant") != "constant":
        return None
    if len(shape_of(node.outputs[0])) != 4 or len(node.inputs) > 3:
        return None
    value = constant_of(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
    computed = len(node.inputs) > 2 and node.inputs[2] is not None and value is None
    pads = constant_of(node.inputs[1])
    if pads is None or computed or (value is not None and np.any(value)) or np.any(pads < 0):
        return None
    n0, c0, top, left, n1, c1, bottom, right = (int(p) for p in pads)
    return None if n0 or c0 or n1 or c1 else (top, left, bottom, right)


def _takes_pads(node: ir.Node, padded: ir.Value) -> bool:
    return (
        node.op_type == "Conv"
        and node.inputs[0] is padded
        and all(value is not padded for value in node.inputs[1:])
    )
