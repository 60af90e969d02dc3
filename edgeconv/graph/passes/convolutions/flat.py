"""Gives convolutions and pools along one axis a second of length 1: phones have them for images.

x (N, C, L) -> Conv (O, C, K)   becomes   Reshape (N, C, 1, L) -> Conv (O, C, 1, K) -> Reshape
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant, make_node, make_reshape, replace_node
from edgeconv.graph.view import constant_of, ints, shape_of

#: What attributes along one axis become, and what they say of the new one.
_IDLE: Mapping[str, int] = MappingProxyType(
    {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 0}
)


def widen_flat_convolutions(model: ir.Model) -> None:
    """Rewrites each convolution by constant weights, and each pool, of an (N, C, L) input."""
    for node in tuple(model.graph):
        source = node.inputs[0] if node.inputs else None
        if source is None or len(shape_of(source)) != 3 or len(node.outputs) > 1:
            continue
        operator = operator_of(node)
        slot = None if operator.weights is None else operator.weights.slot
        has_window = operator.window is not None
        if has_window and (slot is None or constant_of(node.inputs[slot]) is not None):
            _widen(model, node, source, slot)


def _widen(model: ir.Model, node: ir.Node, source: ir.Value, slot: int | None) -> None:
    stem = (node.name or "").rpartition("/")[0]
    batch, channels, length = shape_of(source)
    flat = shape_of(node.outputs[0])
    image = (batch, channels, 1, length)
    before = make_reshape(model, source, name=f"{stem}/Reshape", shape=image)
    wide = make_node(
        node.op_type,
        [before.outputs[0], *node.inputs[1:]],
        name=f"{stem}/{node.op_type}",
        shape=(flat[0], flat[1], 1, flat[2]),
    )
    wide.attributes.update(_widened(node))
    weight = None if slot is None else constant_of(node.inputs[slot])
    if slot is not None and weight is not None:
        rows = add_constant(model, f"{node.name}::weight", weight[:, :, None])
        wide.replace_input_with(slot, rows)
        wide.attributes["kernel_shape"] = ir.AttrInt64s("kernel_shape", [1, weight.shape[2]])
    after = make_reshape(model, wide.outputs[0], name=f"{stem}/Reshape_1", shape=flat)
    replace_node(model, node, before, wide, after)


def _widened(node: ir.Node) -> dict[str, ir.Attr]:
    """The node's attributes, those of its axis with an idle one before."""
    found = dict(node.attributes)
    for name, idle in _IDLE.items():
        if name in found:
            found[name] = ir.AttrInt64s(name, [idle, *ints(node, name, ())])
    start, end = ints(node, "pads", (0, 0))
    found["pads"] = ir.AttrInt64s("pads", [0, start, 0, end])
    return found
