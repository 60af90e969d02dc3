"""Makes a TopK of the smallest values one of the largest, the only one that TFLite has.

    x -> TopK (smallest) -> values, places
    x -> Neg -> TopK (largest) -> Neg -> values
                               -> places

Of equal values both give the first.
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.passes.edit import make_node
from edgeconv.graph.view import input_of, integer, shape_of


def look_for_largest(model: ir.Model) -> None:
    """Rewrites every TopK of the smallest."""
    for node in tuple(model.graph):
        if node.op_type == "TopK" and not integer(node, "largest", 1):
            _turn(model, node)


def _turn(model: ir.Model, node: ir.Node) -> None:
    source, values = input_of(node), node.outputs[0]
    turned = _negative(source, f"{node.name}/turned")
    model.graph.insert_before(node, turned)
    node.replace_input_with(0, turned.outputs[0])
    node.attributes["largest"] = ir.AttrInt64("largest", 1)
    if not values.uses() and not values.is_graph_output():
        return
    back = _negative(values, f"{node.name}/back")
    ir.convenience.replace_all_uses_with(values, back.outputs[0], replace_graph_outputs=True)
    back.replace_input_with(0, values)
    back.outputs[0].name, values.name = values.name, f"{node.name}/largest"
    model.graph.insert_after(node, back)


def _negative(value: ir.Value, name: str) -> ir.Node:
    dtype = value.dtype or ir.DataType.FLOAT
    return make_node("Neg", [value], name=name, shape=shape_of(value), dtype=dtype)
