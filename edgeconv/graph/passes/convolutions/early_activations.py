"""Puts clamps right behind the layer whose values they clamp, where the layer takes them for free.

    Conv -> Reshape -> Transpose -> Reshape -> Relu   becomes   Conv -> Relu -> Reshape -> ...

What stands between (views, shuffles, slices) moves values and changes none. In int8 the layer's
output then has no steps for values that the clamp cuts off.
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.fusion import activation_kind
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import make_node, substitute
from edgeconv.graph.view import (
    activation_inputs,
    input_of,
    place_of,
    producer_of,
    set_place,
    shape_of,
    sole_consumer,
)


def clamp_early(model: ir.Model) -> None:
    """Moves each Relu, Relu6 and clamp to -1..1 before the moves between it and its layer."""
    for node in tuple(model.graph):
        if activation_kind(node) is None:
            continue
        value = _before_moves(input_of(node))
        layer = value.producer()
        is_moved = value is not input_of(node)
        if is_moved and layer is not None and operator_of(layer).absorbs:
            _move(model, node, value)


def _before_moves(value: ir.Value) -> ir.Value:
    """What a value is moved from, by nodes that nothing else reads."""
    while sole_consumer(value) is not None:
        node = value.producer()
        if node is None or not _only_moves(node) or sole_consumer(input_of(node)) is None:
            return value
        value = input_of(node)
    return value


def _only_moves(node: ir.Node) -> bool:
    operator = operator_of(node)
    return (
        operator.kind in ("view", "transpose", "move")
        and operator.values in ("copied", "chosen")
        and len(activation_inputs(node)) == len(node.outputs) == 1
        and operator.scales == "moved"
    )


def _move(model: ir.Model, node: ir.Node, value: ir.Value) -> None:
    reader = sole_consumer(value)
    assert reader is not None  # or it would be no value to move to
    early = make_node(
        node.op_type, [value, *node.inputs[1:]], name=node.name or "", shape=shape_of(value)
    )
    set_place(early, place_of(node))
    model.graph.insert_after(producer_of(value), early)
    reader.replace_input_with(list(reader.inputs).index(value), early.outputs[0])
    substitute(model, node.outputs[0], input_of(node))
    model.graph.remove(node, safe=True)
