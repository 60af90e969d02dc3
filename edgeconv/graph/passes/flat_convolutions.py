"""Gives convolutions along one axis a second one of length 1: phones have operators for images.

x (N, C, L) -> Conv (O, C, K)   becomes   Reshape (N, C, 1, L) -> Conv (O, C, 1, K) -> Reshape
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.passes.edit import add_constant, make_node, make_reshape, replace_node
from edgeconv.graph.view import constant_of, integer, ints, shape_of


def widen_flat_convolutions(model: ir.Model) -> None:
    """Rewrites each Conv of an (N, C, L) input by constant weights."""
    for node in tuple(model.graph):
        source = node.inputs[0] if node.inputs else None
        if node.op_type == "Conv" and source is not None and len(shape_of(source)) == 3:
            _widen(model, node, source)


def _widen(model: ir.Model, node: ir.Node, source: ir.Value) -> None:
    weight = constant_of(node.inputs[1])
    if weight is None:
        return
    stem = (node.name or "").rpartition("/")[0]
    batch, channels, length = shape_of(source)
    flat = shape_of(node.outputs[0])
    image = (batch, channels, 1, length)
    before = make_reshape(model, source, name=f"{stem}/Reshape", shape=image)
    wide = add_constant(model, f"{node.name}::weight", weight[:, :, None])
    start, end = ints(node, "pads", (0, 0))
    conv = make_node(
        "Conv",
        [before.outputs[0], wide, *node.inputs[2:]],
        name=f"{stem}/Conv",
        shape=(flat[0], flat[1], 1, flat[2]),
        attributes={
            "kernel_shape": [1, weight.shape[2]],
            "strides": [1, *ints(node, "strides", (1,))],
            "pads": [0, start, 0, end],
            "dilations": [1, *ints(node, "dilations", (1,))],
            "group": integer(node, "group", 1),
        },
    )
    after = make_reshape(model, conv.outputs[0], name=f"{stem}/Reshape_1", shape=flat)
    replace_node(model, node, before, conv, after)
